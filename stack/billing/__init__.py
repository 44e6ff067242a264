"""Billing: prices what runs, by the second, from a price sheet."""
