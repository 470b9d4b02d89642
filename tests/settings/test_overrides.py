"""Settings from the environment and the command line: what counts, and what is told."""

import pytest

from sluice.settings import Settings, load
from tests.settings.mistake import mistake

KUBERNETES = {
    "SLUICE_PORT": "tcp://10.96.3.7:8000",
    "SLUICE_SERVICE_HOST": "10.96.3.7",
    "SLUICE_SERVICE_PORT": "8000",
    "SLUICE_SERVICE_PORT_HTTP": "8000",
    "SLUICE_PORT_8000_TCP": "tcp://10.96.3.7:8000",
    "SLUICE_PORT_8000_TCP_ADDR": "10.96.3.7",
    "SLUICE_PORT_8000_TCP_PORT": "8000",
    "SLUICE_PORT_8000_TCP_PROTO": "tcp",
    "SLUICE_MODEL_PORT": "tcp://10.96.3.8:80",  # of a Service named sluice-model
    "SLUICE_MODEL_SERVICE_HOST": "10.96.3.8",
    "SLUICE_HTTP_PORT_80_TCP": "tcp://10.96.3.8:80",
    "SLUICE_HTTP": "tcp://10.96.3.8:80",
    "SLUICE_TRAFFIC": "3",
    "SLUICE_TENANTS": "tcp://10.96.3.8:80",
    "SLUICE_OPERATORS": "x",
    "SLUICE_CONFIG": "/etc/sluice.yaml",
    "SLUICE_": "x",
    "SLUICE": "x",
}


def test_what_kubernetes_puts_beside_a_service_is_no_setting() -> None:
    assert load(None, (), KUBERNETES) == Settings()
    assert load(None, (), KUBERNETES | {"SLUICE_TRAFFIC__CONCURRENCY": "7"}).traffic.concurrency == 7


def test_a_setting_without_a_section_counts() -> None:
    variables = {"SLUICE_MODEL": "org/name", "SLUICE_SERVED_MODEL_NAME": "[a, b]", "SLUICE_TRAFFIC": "{concurrency: 3}"}
    settings = load(None, (), variables)
    assert (settings.model, settings.names, settings.traffic.concurrency) == ("org/name", ["a", "b"], 3)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SLUICE_TRAFIC__CONCURRENCY", "3", "trafic: there is no such setting; did you mean traffic?"),
        ("SLUICE_TRAFFIC__CONCURENCY", "3", "there is no such setting; did you mean traffic.concurrency?"),
        ("SLUICE_TRAFFIC__CONCURRENCY", "[", "did not find expected node content"),
        ("SLUICE_TRAFFIC__TIMEOUT", "2026-99-99", "what stands here is no timestamp"),
        ("SLUICE_TRAFFIC__TIMEOUT", "'3'", "input should be a valid number"),
        ("SLUICE_ENGINE__EXTRA", "[" * 100, "more than 50,000 values or 32 levels"),
        ("SLUICE_TENANTS", "[{name: a, keys: [sk-secret-key]}]", "tenants.0.keys.0: write sha256:"),
        ("SLUICE_TENANTS", "[{name: a, sk-secret-key: 1}]", "tenants.0.sk-…: there is no such setting"),
        ("SLUICE_TENANTS", "[{name: a, keys: [sk-secret-key]", "expected"),
        ("SLUICE_MODEL", "7", "input should be a valid string"),
    ],
)
def test_a_mistake_in_a_variable_names_it(name: str, value: str, message: str) -> None:
    line = mistake(None, (), {name: value})
    assert line.startswith(f"environment variable {name}: ")
    assert message in line
    assert "secret" not in line


def test_an_empty_variable_is_not_set() -> None:
    variables = dict.fromkeys(("SLUICE_TRAFFIC__MAX_CONCURRENCY", "SLUICE_MODEL", "SLUICE_NOT__THERE"), " ")
    assert load(None, ["traffic.max_concurrency=5"], variables).traffic.max_concurrency == 5
    assert load(None, (), variables) == Settings()


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("traffic.max_concurrency=", "--set traffic.max_concurrency: there is no value; write null for none"),
        ("=3", "--set : write KEY=VALUE"),
        ("sk-secret-key", "--set sk-…: write KEY=VALUE"),
        ("concurrency=4", "--set concurrency: there is no such setting; did you mean traffic.concurrency?"),
        ("http.conurrency=4", "--set http.conurrency: there is no such setting"),
        ("engine.prot=4", "--set engine.prot: there is no such setting"),
        ("traffic.port=4", "--set traffic.port: there is no such setting; did you mean http.port?"),
        ("tenants=[{name: a, keys: [sk-secret-key", "--set tenants: did not find expected"),
        ("http.host=a..b", "--set http.host: it is neither an address nor a name"),
        (f"http.host={'a' * 64}.org", "--set http.host: it is neither an address nor a name"),
        ('http.host="a\\0b"', "--set http.host: it is neither an address nor a name"),
        ("tenants.0.name=a", "--set tenants: input should be a valid list"),
        ("http.port=!!int x", "--set http.port: what stands here is no int"),
        ("http.port=" + "[" * 5000, "--set http.port: more than 50,000 values or 32 levels"),
        ("x" * 5000 + "=1", "--set xxx"),
        ("model=" + "*" * 5000, "--set model: "),
        ("served_model_name=[a, b, a]", "--set served_model_name: served_model_name.2: the same name as one before it"),
        ("served_model_name=['']", "--set served_model_name: served_model_name.0: string should have at least 1"),
        ("engine.extra={max_num_seqs: 3}", "--set engine.extra: engine.extra.max_num_seqs: it is set by traffic.conc"),
    ],
)
def test_a_mistake_on_the_command_line_names_its_key(text: str, start: str) -> None:
    line = mistake(None, [text], {})
    assert line.startswith(start)
    assert "secret" not in line
    assert len(line) < 300


def test_values_on_the_command_line_are_yaml() -> None:
    texts = [
        "traffic.max_concurrency=null",
        "engine.extra.sizes=[1, 2]",
        'engine.extra.overrides={"rope.scaling": {a: 1}}',
        "engine.extra.text='a=b'",
        "http.host=::1",
        "served_model_name=one",
        "model='org/name'",
    ]
    settings = load(None, texts, {"SLUICE_TRAFFIC__MAX_CONCURRENCY": "3"})
    assert settings.traffic.max_concurrency is None
    assert settings.engine.extra == {"sizes": [1, 2], "overrides": {"rope.scaling": {"a": 1}}, "text": "a=b"}
    assert (settings.http.host, settings.names, settings.model) == ("::1", ["one"], "org/name")


@pytest.mark.parametrize("host", ["::", "fe80::"])
def test_an_address_may_end_in_colons(host: str) -> None:
    assert load(None, [f"http.host={host}", "http.allow_anonymous=true"], {}).http.host == host
    assert load(None, ["http.allow_anonymous=true"], {"SLUICE_HTTP__HOST": host}).http.host == host
