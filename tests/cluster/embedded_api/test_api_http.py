"""The API over real HTTP: who may call, verbs, validation, watches, logs and proxies."""

from __future__ import annotations

import http.client
import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests_embedded_api_calls import NS, lines, raw, run_pod

from lab.cluster.embedded.store import Obj

Make = Callable[..., Obj]
APPS = "/apis/apps/v1/namespaces/default"


def test_only_callers_with_the_token_and_no_web_pages(served: Any) -> None:
    anonymous = {"Authorization": "Bearer no"}
    assert raw(served, "GET", f"{NS}/pods", headers=anonymous)[0] == 401
    for path in ("/healthz", "/readyz", "/livez", "/version", "/version/"):
        assert raw(served, "GET", path, headers=anonymous)[0] == 200
    assert raw(served, "GET", "/healthz", headers={"Host": "evil.example"})[0] == 403
    assert raw(served, "GET", "/healthz", headers={"Origin": "https://evil.example"})[0] == 403


def test_documents_of_discovery(served: Any) -> None:
    wanted = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList,application/json"
    for version in ("v2", "v2beta1"):
        code, headers, body = raw(served, "GET", "/apis", headers={"Accept": wanted.format(version)})
        assert json.loads(body)["apiVersion"] == f"apidiscovery.k8s.io/{version}"
        assert f"v={version};as=APIGroupDiscoveryList" in headers["content-type"]
    assert served.ok("GET", "/api")["versions"] == ["v1"]
    assert {group["name"] for group in served.ok("GET", "/apis")["groups"]} == {
        "apps", "autoscaling", "batch", "discovery.k8s.io", "metrics.k8s.io",
    }  # fmt: skip
    names = {entry["name"] for entry in served.ok("GET", "/apis/apps/v1")["resources"]}
    assert {"deployments", "deployments/scale", "deployments/status", "replicasets"} <= names
    for path in served.ok("GET", "/openapi/v3")["paths"].values():
        assert served.ok("GET", path["serverRelativeURL"])["openapi"] == "3.0.0"
    assert raw(served, "GET", "/openapi/v2")[2].startswith(b"\x0a\x032.0")
    for missing in ("/nothing", "/apis/policy/v1", "/api/v1/namespaces/default/jobs", "/apis/apps/v1/pods"):
        code, found = served.caller.call("GET", missing)
        assert (code, found["message"]) == (404, "the server could not find the requested resource")


def test_create_get_replace_conflict_delete(served: Any) -> None:
    made = served.ok("POST", f"{NS}/configmaps", {"metadata": {"name": "a"}, "data": {"x": "1"}})
    assert served.ok("GET", f"{NS}/configmaps/a") == made
    assert served.caller.call("POST", f"{NS}/configmaps", {"metadata": {"name": "a"}})[0] == 409
    served.ok("PUT", f"{NS}/configmaps/a", {**made, "data": {"x": "2"}})
    code, conflict = served.caller.call("PUT", f"{NS}/configmaps/a", {**made, "data": {"x": "3"}})
    assert (code, conflict["reason"]) == (409, "Conflict")
    gone = served.ok("DELETE", f"{NS}/configmaps/a")
    assert (gone["kind"], gone["details"]["uid"]) == ("Status", made["metadata"]["uid"])
    code, missing = served.caller.call("GET", f"{NS}/configmaps/a")
    assert (code, missing["message"]) == (404, 'configmaps "a" not found')
    assert missing["details"] == {"name": "a", "kind": "configmaps"}


def test_bodies_that_do_not_fit_the_url(served: Any) -> None:
    for body, text in (
        ({"kind": "Secret", "metadata": {"name": "a"}}, "the kind in the data is Secret"),
        ({"apiVersion": "v2", "metadata": {"name": "a"}}, "does not match the expected API version (v1)"),
        ({"metadata": {"name": "a", "namespace": "other"}}, "namespace of the provided object does not match"),
        ([], "no object"),
    ):
        code, found = served.caller.call("POST", f"{NS}/configmaps", body)
        assert code == 400
        assert text in found["message"]
    code, found = served.caller.call("PUT", f"{NS}/configmaps/a", {"metadata": {"name": "b"}})
    assert "does not match the name on the URL (a)" in found["message"]
    code, _, body = raw(served, "POST", f"{NS}/configmaps", b"a=b", {"Content-Type": "text/plain"})
    assert (code, json.loads(body)["reason"]) == (415, "UnsupportedMediaType")
    yaml = b"metadata: {name: y, annotations: {when: 2026-01-01T00:00:00Z}}\ndata: {k: 'v'}\n"
    code, _, body = raw(served, "POST", f"{NS}/configmaps", yaml, {"Content-Type": "application/yaml"})
    assert (code, json.loads(body)["metadata"]["annotations"]["when"]) == (201, "2026-01-01T00:00:00Z")


def test_field_validation(served: Any, make_deployment: Make) -> None:
    body = json.dumps(make_deployment(replicaz=1)).encode()
    code, _, answer = raw(served, "POST", f"{APPS}/deployments?fieldValidation=Strict", body)
    assert code == 400
    assert 'strict decoding error: unknown field "spec.replicaz"' in json.loads(answer)["message"]
    code, headers, answer = raw(served, "POST", f"{APPS}/deployments?dryRun=All", body)
    assert headers["warning"] == '299 - "unknown field \\"spec.replicaz\\""'
    assert "replicaz" not in json.loads(answer)["spec"]
    code, headers, _ = raw(served, "POST", f"{APPS}/deployments?fieldValidation=Ignore", body)
    assert (code, "warning" in headers) == (201, False)


def test_dry_runs_store_nothing(served: Any, make_deployment: Make) -> None:
    served.ok("POST", f"{APPS}/deployments?dryRun=All", make_deployment())
    assert served.caller.call("GET", f"{APPS}/deployments/web")[0] == 404
    served.ok("POST", f"{APPS}/deployments", make_deployment())
    tried = patched(served, "strategic-merge", {"spec": {"replicas": 7}}, "web?dryRun=All")
    assert tried["spec"]["replicas"] == 7
    served.ok("DELETE", f"{APPS}/deployments/web?dryRun=All")
    assert served.ok("GET", f"{APPS}/deployments/web")["spec"]["replicas"] == 2


def patched(served: Any, kind: str, patch: Any, name: str) -> Any:
    media = {"Content-Type": f"application/{kind}-patch+json"}
    code, _, body = raw(served, "PATCH", f"{APPS}/deployments/{name}", json.dumps(patch).encode(), media)
    assert code == 200, body
    return json.loads(body)


def test_patches_scale_and_status(served: Any, make_deployment: Make) -> None:
    served.ok("POST", f"{APPS}/deployments", make_deployment())
    image = {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "lab/web:2"}]}}}}
    made = patched(served, "strategic-merge", image, "web")
    assert made["metadata"]["generation"] == 2
    assert made["spec"]["template"]["spec"]["containers"][0]["ports"]
    assert patched(served, "merge", {"metadata": {"labels": {"a": "b"}}}, "web")["metadata"]["labels"] == {"a": "b"}
    jumped = patched(served, "json", [{"op": "replace", "path": "/spec/replicas", "value": 4}], "web")
    assert jumped["spec"]["replicas"] == 4
    scale = patched(served, "merge", {"spec": {"replicas": 5}}, "web/scale")
    assert (scale["kind"], scale["spec"]["replicas"]) == ("Scale", 5)
    assert scale["status"]["selector"] == "app=web"
    code, refused = served.caller.call("PUT", f"{APPS}/deployments/web/scale", {"spec": {"replicas": -1}})
    assert (code, refused["message"].split(":")[0]) == (422, 'Scale.autoscaling "web" is invalid')
    told = patched(served, "merge", {"status": {"replicas": 3}, "spec": {"replicas": 9}}, "web/status")
    assert (told["status"]["replicas"], told["spec"]["replicas"]) == (3, 5)
    assert raw(served, "PATCH", f"{APPS}/deployments/web", b"{}", {"Content-Type": "text/plain"})[0] == 415


def test_lists_select_and_become_tables(served: Any) -> None:
    for name, tier in (("a", "x"), ("b", "y"), ("c", "y")):
        served.ok("POST", f"{NS}/configmaps", {"metadata": {"name": name, "labels": {"tier": tier}}})
    found = served.ok("GET", f"{NS}/configmaps?labelSelector=tier%3Dy&limit=1")
    assert [item["metadata"]["name"] for item in found["items"]] == ["b", "c"]
    assert served.ok("GET", "/api/v1/configmaps?fieldSelector=metadata.name%3Da")["items"][0]["metadata"]["name"] == "a"
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
    made = json.loads(raw(served, "GET", f"{NS}/configmaps", headers=accept)[2])
    assert [row["cells"][0] for row in made["rows"]] == ["a", "b", "c"]
    one = json.loads(raw(served, "GET", f"{NS}/configmaps/a?includeObject=Object", headers=accept)[2])
    assert one["rows"][0]["object"]["kind"] == "ConfigMap"
    served.ok("DELETE", f"{NS}/configmaps?labelSelector=tier%3Dy")
    assert len(served.ok("GET", f"{NS}/configmaps")["items"]) == 1


def test_orphans_lose_their_owner(served: Any, make_deployment: Make) -> None:
    owner = served.ok("POST", f"{APPS}/deployments", make_deployment())
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": owner["metadata"]["uid"]}
    served.ok("POST", f"{NS}/configmaps", {"metadata": {"name": "a", "ownerReferences": [reference]}})
    served.ok("DELETE", f"{APPS}/deployments/web", {"propagationPolicy": "Orphan"})
    assert "ownerReferences" not in served.ok("GET", f"{NS}/configmaps/a")["metadata"]


def test_logs_by_tail_time_and_start(served: Any) -> None:
    pod = run_pod(served, logs={0: ["first"], 1: ["one", "two", "three"]}, restarts=1)
    path = f"{NS}/pods/{pod}/log"
    assert raw(served, "GET", path)[2] == b"one\ntwo\nthree\n"
    assert raw(served, "GET", f"{path}?tailLines=1")[2] == b"three\n"
    assert raw(served, "GET", f"{path}?previous=true")[2] == b"first\n"
    assert raw(served, "GET", f"{path}?timestamps=true&tailLines=1")[2].startswith(b"2026-01-01T00:00:02.")
    assert raw(served, "GET", f"{path}?sinceTime=2026-01-01T00:00:01Z")[2] == b"two\nthree\n"
    assert raw(served, "GET", f"{path}?limitBytes=5")[2] == b"one\nt"
    code, found = served.caller.call("GET", f"{path}?container=other")
    assert (code, found["message"]) == (400, f"container other is not valid for pod {pod}")
    waiting = run_pod(served, name="w", logs={}, waiting="ImagePullBackOff")
    code, found = served.caller.call("GET", f"{NS}/pods/{waiting}/log")
    assert found["message"] == 'container "web" in pod "w" is waiting to start: ImagePullBackOff'


class _Page(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(201)
        self.send_header("X-Path", self.path)
        self.end_headers()
        self.wfile.write(body * 2)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def page() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_services_and_pods_through_the_proxy(served: Any) -> None:
    served.ok(
        "POST", f"{NS}/services", {"metadata": {"name": "web"}, "spec": {"ports": [{"name": "http", "port": 8600}]}}
    )
    path = f"{NS}/services/http:web:http/proxy/a/b?c=d"
    code, found = served.caller.call("GET", path)
    assert (code, found["message"]) == (503, 'no endpoints available for service "web"')
    with page() as port:
        piece = {
            "metadata": {"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": port}],
            "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
        }
        served.ok("POST", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", piece)
        code, headers, body = raw(served, "POST", path, b"xyz")
        assert (code, headers["x-path"], body) == (201, "/a/b?c=d", b"xyzxyz")
        pod = run_pod(served, logs={})
        assert raw(served, "POST", f"{NS}/pods/{pod}:{port}/proxy/", b"q")[2] == b"qq"
    code, found = served.caller.call("POST", path, {})
    assert code == 503
    assert "connection refused" in found["message"]


def test_watches_follow_a_selection(served: Any) -> None:
    served.ok("POST", f"{NS}/configmaps", {"metadata": {"name": "a", "labels": {"k": "v"}}})
    version = served.ok("GET", f"{NS}/configmaps")["metadata"]["resourceVersion"]
    path = f"{NS}/configmaps?watch=true&labelSelector=k%3Dv&timeoutSeconds=30&resourceVersion={version}"
    with lines(served, path) as stream:
        served.ok("PUT", f"{NS}/configmaps/a", {"metadata": {"name": "a", "labels": {"k": "v"}}, "data": {"x": "1"}})
        served.ok("PUT", f"{NS}/configmaps/a", {"metadata": {"name": "a"}})
        served.ok("PUT", f"{NS}/configmaps/a", {"metadata": {"name": "a", "labels": {"k": "v"}}})
        served.ok("DELETE", f"{NS}/configmaps/a")
        assert [next(stream)["type"] for _ in range(4)] == ["MODIFIED", "DELETED", "ADDED", "DELETED"]


def test_watches_begin_with_what_is_there_and_bookmark_it(served: Any) -> None:
    served.ok("POST", f"{NS}/configmaps", {"metadata": {"name": "a"}})
    path = f"{NS}/configmaps?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&timeoutSeconds=1"
    with lines(served, path) as stream:
        assert next(stream)["object"]["metadata"]["name"] == "a"
        mark = next(stream)
        assert (mark["type"], mark["object"]["metadata"]["annotations"]) == (
            "BOOKMARK",
            {"k8s.io/initial-events-end": "true"},
        )
        assert next(stream)["type"] == "BOOKMARK"
        assert next(stream, None) is None


def test_a_watch_from_a_forgotten_version_says_so(served: Any) -> None:
    with lines(served, f"{NS}/configmaps?watch=true&resourceVersion=1") as stream:
        told = next(stream)
    assert (told["type"], told["object"]["code"], told["object"]["reason"]) == ("ERROR", 410, "Expired")


def test_the_certificate_is_for_this_machine_only(served: Any) -> None:
    context = ssl.create_default_context()
    connection = http.client.HTTPSConnection("127.0.0.1", served.caller.port, timeout=5, context=context)
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.request("GET", "/healthz")
    connection.close()
