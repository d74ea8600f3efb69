"""T14: agent data is a value of a template, never a template, and cannot leave its place."""

import pytest
from hypothesis import given

from approvals.rendering import render_html, render_text
from tests.threats.views import Page, documents, of, texts

INJECTIONS = [
    "{{ 7 * 7 }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "{{ presentation.__class__.__mro__ }}",
    "{# gone #}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "<script>alert(1)</script>",
    "</article><form action=/approve method=post>",
    '"><img src=x onerror=alert(1)>',
    "<!-- ",
    "]]>",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_t14_an_injection_is_shown_as_it_is(text: str) -> None:
    shown = of({"x": text}, because=text)
    assert text in render_text(shown).replace("\n      | ", "")
    assert Page(shown).text.count(text) == 2


@given(documents, texts)
def test_t14_no_value_brings_a_tag_or_an_attribute(arguments: object, why: str) -> None:
    allowed = {
        *("article", "header", "h2", "h3", "p", "dl", "dt", "dd", "strong", "code", "bdi"),
        *("section", "ul", "ol", "li", "blockquote", "time"),
    }
    for tag, attributes in Page(of(arguments, because=why or None)).tags:
        assert tag in allowed
        assert {name for name, _ in attributes} <= {
            *("class", "data-gate", "datetime", "title", "role"),
        }


def test_t14_a_gate_with_a_hostile_name_stays_in_its_attribute() -> None:
    shown = of({}, id='g"><script>', action="a<b>", saga_id="<i>", path="p</dd>")
    page = Page(shown)
    assert dict(page.tags[0][1])["data-gate"] == 'g"><script>'
    assert not {"script", "i", "b"} & {tag for tag, _ in page.tags}


def test_t14_the_templates_run_in_a_sandbox_that_knows_every_name() -> None:
    from jinja2 import StrictUndefined
    from jinja2.exceptions import SecurityError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    from approvals import rendering

    environment = rendering.environment()
    assert isinstance(environment, ImmutableSandboxedEnvironment)
    assert environment.undefined is StrictUndefined
    with pytest.raises(SecurityError):
        environment.from_string("{{ ''.__class__.__mro__[1].__subclasses__() }}").render()


def test_t14_the_page_is_escaped_and_the_text_is_not() -> None:
    shown = of({"x": "<b>&"})
    assert "x = <b>&" in render_text(shown)
    assert "&lt;b&gt;&amp;" in render_html(shown)
