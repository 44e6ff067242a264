"""
Charges as a FOCUS dataset: the FinOps Open Cost and Usage Specification, version 1.2, as CSV.

All columns that are mandatory there, the conditional ones that apply, and, with the prefix `x_`, two of our own.
Nothing here is discounted or amortized, so billed, effective, contracted and list cost are the same.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime

from stack.billing.ledger import Charge
from stack.billing.prices import UNITS, PriceSheet, Sku

VERSION = "1.2"
COLUMNS = (
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingAccountType", "BillingCurrency",
    "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency",
    "ChargePeriodEnd", "ChargePeriodStart", "ConsumedQuantity", "ConsumedUnit", "ContractedCost",
    "ContractedUnitPrice", "EffectiveCost", "InvoiceIssuerName", "ListCost", "ListUnitPrice", "PricingCategory",
    "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "ResourceId", "ResourceName", "ResourceType",
    "ServiceCategory", "ServiceName", "ServiceSubcategory", "SkuId", "SkuPriceId", "SubAccountId", "SubAccountName",
    "Tags", "x_Container", "x_Node",
)  # fmt: skip
_OWN = "Flight risk platform"
_SERVICES: dict[Sku, tuple[str, str, str]] = {
    Sku.CPU: ("Compute", "Containers", "Containers"),
    Sku.MEMORY: ("Compute", "Containers", "Containers"),
    Sku.GPU: ("Compute", "Containers", "Accelerators"),
    Sku.SERIES: ("Management and Governance", "Observability", "Metrics"),
}
"""Category and subcategory of the specification, and the service's own name."""


def focus_csv(charges: Iterable[Charge], prices: PriceSheet) -> str:
    """One row for each charge under a head of all columns; times are UTC, numbers plain decimals."""
    target = io.StringIO()
    writer = csv.DictWriter(target, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for charge in charges:
        writer.writerow(_row(charge, prices))
    return target.getvalue()


def moment(seconds: float) -> str:
    """Unix seconds as FOCUS writes dates with times: ISO 8601 in UTC, here to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _row(charge: Charge, prices: PriceSheet) -> dict[str, str]:
    resource, sku = charge.item.resource, charge.item.sku
    category, subcategory, service = _SERVICES[sku]
    cost, price = _decimal(charge.cost), _decimal(prices.of(sku))
    first, last = _month(charge.start)
    tags = {"app.kubernetes.io/name": resource.component, "kubernetes.io/owner-kind": resource.owner}
    return dict.fromkeys(COLUMNS, "") | {
        "BilledCost": cost, "EffectiveCost": cost, "ListCost": cost, "ContractedCost": cost,
        "ListUnitPrice": price, "ContractedUnitPrice": price,
        "BillingAccountId": "flight-risk", "BillingAccountName": _OWN, "BillingAccountType": "Team",
        "BillingCurrency": prices.currency, "BillingPeriodStart": first, "BillingPeriodEnd": last,
        "ChargeCategory": "Usage", "ChargeDescription": f"{charge.quantity:g} of {UNITS[sku]} for {resource.name}",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": moment(charge.start), "ChargePeriodEnd": moment(charge.end),
        "ConsumedQuantity": _decimal(charge.amount), "ConsumedUnit": UNITS[sku],
        "PricingCategory": "Standard", "PricingQuantity": _decimal(charge.amount), "PricingUnit": UNITS[sku],
        "InvoiceIssuerName": _OWN, "ProviderName": _OWN, "PublisherName": _OWN,
        "ResourceId": resource.uid, "ResourceName": resource.name,
        "ResourceType": "Metrics" if sku is Sku.SERIES else "Pod",
        "ServiceCategory": category, "ServiceSubcategory": subcategory, "ServiceName": service,
        "SkuId": sku.value, "SkuPriceId": f"{sku.value}-hour",
        "SubAccountId": resource.namespace, "SubAccountName": resource.namespace,
        "Tags": json.dumps({key: value for key, value in tags.items() if value}),
        "x_Container": resource.container, "x_Node": resource.node,
    }  # fmt: skip


def _month(seconds: float) -> tuple[str, str]:
    """Start and end of the calendar month, which is what is billed."""
    at = datetime.fromtimestamp(seconds, UTC)
    first = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    last = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return moment(first.timestamp()), moment(last.timestamp())


def _decimal(value: float) -> str:
    return f"{value:.12f}".rstrip("0").rstrip(".") or "0"
