"""Settings: checked before a socket opens; each mistake named with key, value and remedy."""

from pathlib import Path

import pytest

from homeostat.settings import Settings, SettingsError, load


def _load(tmp_path: Path, text: str, **environ: str) -> Settings:
    path = tmp_path / "homeostat.yaml"
    path.write_text(text)
    return load(path, environ)


def test_defaults_are_safe() -> None:
    settings = load(None, {})
    assert settings.healing.mode == "observe"
    assert settings.cluster.kind == "none"
    assert settings.receiver.grpc.listen == "127.0.0.1:4317"
    assert settings.status.listen == "127.0.0.1:8080"


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    text = "receiver: {grpc: {listen: '127.0.0.1:1'}}\nanalysis: {window_s: 30}"
    environ = {"HOMEOSTAT_RECEIVER__GRPC__LISTEN": "127.0.0.1:2", "PATH": "/bin"}
    settings = _load(tmp_path, text, **environ)
    assert settings.for_receiver().grpc_listen == "127.0.0.1:2"
    assert settings.analysis.window_s == 30


@pytest.mark.parametrize(
    "text",
    [
        "{grpc: {listen: '0.0.0.0:4317'}, insecure_listen: true}",
        "{grpc: {listen: 'otlp:1'}, tls: {cert_file: c, key_file: k}, principals_file: p}",
        "{http: {listen: '[::]:1'}, tls: {cert_file: c, key_file: k, client_ca_file: a}}",
        "{grpc: {listen: '[::1]:4317'}, http: {listen: 'localhost:1'}}",
    ],
)
def test_other_machines_are_served_where_it_is_safe_or_a_person_said_so(
    tmp_path: Path, text: str
) -> None:
    assert isinstance(_load(tmp_path, f"receiver: {text}"), Settings)


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    assert _load(tmp_path, "") == load(None, {})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("receiver: {grpc: {listen: nowhere}}", "receiver.grpc.listen: got 'nowhere': expected"),
        ("status: {listen: 'x:99999'}", "status.listen: got 'x:99999': expected host:port"),
        ("receiver: {gprc: {}}", "receiver.gprc: there is no such key"),
        ("analysis: {windows: 3}", "analysis.windows: there is no such key"),
        ("analysis: {window_s: abc}", "analysis.window_s: got 'abc'"),
        ("analysis: {window_s: 7}", "window_s must be a whole multiple of pane_s (5.0), got 7.0"),
        ("analysis: {pane_s: 0}", "pane_s must be above 0, got 0.0"),
        ("analysis: {retention_s: 5}", "retention_s must be at least"),
        ("healing: {mode: on}", "healing.mode: got True: input should be 'observe', 'suggest'"),
        ("healing: {actions: {explode: auto}}", "healing.actions.explode"),
        ("healing: {storm_ratio: 40}", "storm_ratio must be at most 1, got 40"),
        ("healing: {in_flight_max: -1}", "in_flight_max must be above 0, got -1"),
        (
            "receiver: {http: {listen: '0.0.0.0:4318'}}",
            "receiver: http.listen: got '0.0.0.0:4318': other machines could send",
        ),
        (
            "receiver: {grpc: {listen: '[::]:4317'}, principals_file: p}",
            "set tls.cert_file and tls.key_file, or listen on 127.0.0.1, or set insecure_listen",
        ),
        ("receiver: {tls: {cert_file: a}}", "receiver.tls: expected both cert_file and key_file"),
        ("receiver: {tls: {client_ca_file: a}}", "expected cert_file and key_file beside it"),
        ("healing: {autoscalers: {back: {max: 3}}}", "expected namespace/deployment as key"),
        ("healing: {autoscalers: {a/b: {policy: magic, max: 3}}}", "a/b.policy: got 'magic'"),
        ("healing: {autoscalers: {a/b: {min: 3}}}", "healing.autoscalers.a/b.max"),
        ("healing: {autoscalers: {a/b: {min: 3, max: 2}}}", "min must be at most max (2), got 3"),
        ("healing: {autoscalers: {a/b: {max: 2, cpu_target: 1.2}}}", "cpu_target must be below 1"),
        ("healing: {regulation: {usage_max: 2}}", "usage_max must be at most 1, got 2"),
        ("cluster: {kind: socket}", "expected the path of the socket"),
        ("cluster: {kind: mesos}", "input should be 'none', 'socket' or 'kubernetes'"),
        ("- a\n- b", "expected sections, got list"),
        ("a: [", "is not YAML"),
        ("nothing: 1", "nothing: there is no such key"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        _load(tmp_path, text)
    assert complaint in str(caught.value)
    assert "homeostat.yaml" in str(caught.value)


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        _load(tmp_path, "status: {listen: x}\nhealing: {mode: y}")
    assert len(str(caught.value).splitlines()) == 2


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.yaml: cannot be read"):
        load(tmp_path / "none.yaml", {})


def test_what_kubernetes_says_of_a_service_of_our_name_is_not_a_setting() -> None:
    names = ("PORT", "SERVICE_HOST", "SERVICE_PORT_OTLP", "PORT_4317_TCP", "PORT_4317_TCP_ADDR")
    environ = {f"HOMEOSTAT_{name}": "tcp://10.0.0.1:4317" for name in names}
    assert load(None, environ) == load(None, {})
    with pytest.raises(SettingsError, match="porto: there is no such key"):
        load(None, {"HOMEOSTAT_PORTO": "1"})


def test_a_variable_inside_a_value_is_refused() -> None:
    environ = {"HOMEOSTAT_STATUS": "1", "HOMEOSTAT_STATUS__LISTEN": "127.0.0.1:1"}
    with pytest.raises(SettingsError, match="status is not a section"):
        load(None, environ)
