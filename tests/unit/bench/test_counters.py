"""Reading what the API server has counted."""

from bench.counters import connections, difference, metrics, writes

TEXT = """\
# TYPE apiserver_request_total counter
apiserver_request_total{code="200",resource="configmaps",subresource="",verb="PUT"} 3
apiserver_request_total{code="409",resource="configmaps",subresource="",verb="PUT"} 1
apiserver_request_total{code="200",resource="entitlements",subresource="status",verb="PATCH"} 2e+00
apiserver_request_total{code="200",resource="leases",subresource="",verb="PUT"} 7
apiserver_request_total{code="200",resource="configmaps",subresource="",verb="LIST"} 9
webhook_count{name="a\\"b"} 5
plain_total 4
"""


def test_samples_with_the_labels_are_added_up():
    assert metrics(TEXT, "apiserver_request_total", resource="configmaps", verb="PUT") == 4
    assert metrics(TEXT, "webhook_count") == 5
    assert metrics(TEXT, "plain_total") == 4
    assert metrics(TEXT, "absent") == 0


def test_writes_are_counted_by_verb_and_resource_without_leases_and_reads():
    assert writes(TEXT) == {("PUT", "configmaps"): 4, ("PATCH", "entitlements/status"): 2}


def test_difference_names_what_has_been_written_in_between():
    before = {("PUT", "configmaps"): 4, ("PUT", "secrets"): 1}
    assert difference(before, {("PUT", "configmaps"): 6, ("PUT", "secrets"): 1, ("POST", "secrets"): 2}) == {
        "POST secrets": 2,
        "PUT configmaps": 2,
    }


def test_bytes_that_the_connections_of_one_process_have_carried_are_added_up():
    text = """\
0 0 127.0.0.1:1 127.0.0.1:9 users:(("licet",pid=7,fd=3)) cubic bytes_sent:5 bytes_acked:5 bytes_received:10 segs_out:1
0 0 127.0.0.1:2 127.0.0.1:9 users:(("licet",pid=7,fd=4)) cubic bytes_received:2 segs_out:1
0 0 127.0.0.1:3 127.0.0.1:9 users:(("other",pid=77,fd=4)) cubic bytes_received:2 segs_out:1
"""
    assert connections(text, 7) == {"127.0.0.1:1 127.0.0.1:9": 15, "127.0.0.1:2 127.0.0.1:9": 2}
