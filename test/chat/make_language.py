#!/usr/bin/env python3
"""Writes language.json: what Jinja, as transformers sets it up, makes of expressions and statements.

    python3 make_language.py            # needs transformers
    python3 make_language.py --check    # compares with language.json instead

Where Jinja raises an error, ours has to raise one too; then the text is null.
"""

import json
import pathlib
import sys

from transformers.utils.chat_template_utils import _compile_jinja_template

HERE = pathlib.Path(__file__).resolve().parent
VARIABLES = {'m': [{'role': 'system', 'content': ' Be brief. '},
       {'role': 'user', 'content': 'Hi \'you\' "q" <b>&</b>\n'},
       {'role': 'assistant', 'content': 'Straße ÄÖ ǆ\tx'}],
 's': '  Hello Wörld-foo bar\n\nline two\n',
 'n': 5,
 'f': 2.5,
 'e': '',
 'z': None,
 't': True,
 'l': [3, 1, 2],
 'd': {'b': 1, 'a': [1, 2.0, None, True], 'ключ': 'знач'},
 'w': ['b', 'A', 'c', 'a'],
 'u': '日本語テスト😀',
 'p': [{'name': 'x', 'v': {'k': 2}}, {'name': 'Y', 'v': {'k': 1}}, {'name': 'z'}]}
EXPRESSIONS = [
    '1', '-1', '1.0', '1e20', '1e16', '1e15', '123456789012345680.0', '0.1+0.2', '1e-5', '0.0001', '1.5e-7', '-0.0',
    '3/2', '4/2', '7//2', '-7//2', '-7%3', '7%-3', '7.5%2', '-7.5%2', '-7.5//2', '2**10', '2**-1', '2**0.5', '1_000',
    '5 - -3', '- 3', '+4', "'a' ~ 1 ~ none ~ true ~ 1.0", "'a' 'b'", "'a'*3", "3*'ab'", '[1]*3', "'a' + 'b'", '[1]+[2]',
    '(1,)', '(1,2)', '()', '[]', '{}', "{'a':1,'b':'x'}", '[1,\'a\',None,true,1.5,\'it\\\'s\',"q\\"\'"]',
    "['\\n\\t\\x00\\\\','ü','\\u200b','\\xad']", '1 < 2 < 3', '1 < 3 < 2', '1 == 1.0', "'a' == 'a'", '[1]==[1]',
    '(1,)==[1]', '1 in l', '9 not in l', "'Hi' in m[1].content", "'x' in d", "'b' in d", 'not t', 'not e and n',
    'n or e', "e or 'def'", 'e and 1', 'n and f', 't is true', 't == 1', '1 if t else 2', '1 if e else 2', '1 if e',
    "'x' if n > 3 and f else 'y'", 'm[0].content', "m[0]['content']", 'm[-1].role', 'm|length', 'm[0:2]|length',
    'm[::-1][0].role', "m[1:]|map(attribute='role')|list", 's[2:7]', 's[-5:]', 's[::2]', 's[::-1]', 'u[1:3]', 'u[-1]',
    'u[::-1]', 'u|length', 's[0]', 'l[5]', 'l[10:]', 'l[-2:]', 'l[::-2]', 'l[2:0:-1]', 's.strip()', 's.lstrip()',
    's.rstrip()', "'xxaxx'.strip('x')", 's|trim', "'--a--'|trim('-')", 's.split()', "s.split('o')", "s.split(' ',1)",
    "s.rsplit(' ',1)", 's.rsplit(None,1)', 's.split(None,2)', 's.splitlines()', 's.splitlines(true)',
    "'a\\r\\nb\\rc\\x0bd\\u2028e'.splitlines()", 's.upper()', 's.lower()', 's.title()', 's.capitalize()',
    'm[2].content|upper', 'm[2].content|lower', 'm[2].content|title', 'm[2].content|capitalize', 'm[2].content.title()',
    '"they\'re bill\'s".title()', '"they\'re bill\'s (x) a-b"|title', "'ß'.upper()", "'ŉ'|upper if false else 1",
    "s.replace('o','0')", "s|replace('o','0',1)", "'abc'.replace('','-')", "'aaa'.replace('a','b',2)",
    "s.startswith('  H')", "s.endswith(('x','\\n'))", "s.find('o')", "s.rfind('o')", "u.find('本')", "s.find('zzz')",
    "s.count('o')", "'a,b,c'.partition(',')", "'a,b,c'.rpartition(',')", "'abc'.removeprefix('a')",
    "'abc'.removesuffix('c')", "','.join(w)", "'12'.isdigit()", "'ab1'.isalnum()", "'ab'.isalpha()", "' '.isspace()",
    "'AB'.isupper()", "'ab'.islower()", 'd.items()|list', 'd.keys()|list', 'd.values()|list', "d.get('b')",
    "d.get('q')", "d.get('q',7)", 'd.a[1]', "d['ключ']", 'd|length', 'd|items|list', 'd|dictsort', 'd|list',
    'dict(a=1,b=2)', "dict([('a',1)])", "dict({'x':1},y=2)", 'd|tojson', 'd|tojson(indent=2)', 'm|tojson', 's|tojson',
    'u|tojson', 'u|tojson(ensure_ascii=true)', "[1.0,1e100,true,none,'\\u2028\\x7f/']|tojson", '[]|tojson(indent=4)',
    '{}|tojson(indent=4)', "d|tojson(separators=(',',':'))", "{'b':1,'a':2}|tojson(sort_keys=true)",
    '{1:2,none:3,true:4}|tojson', "[[1,[2]],{'a':{'b':[]}}]|tojson(indent=1)", 'd|tojson(indent=0)', "'<a>&\\''|tojson",
    's|length', 'l|first', 'l|last', 'u|first', 'u|last', 'l|sum', 'l|min', 'l|max', 'w|min', 'w|max', 'w|sort',
    'w|sort(reverse=true)', 'w|sort(case_sensitive=true)', 'l|sort', 'l|reverse|list', 's|reverse', 'w|unique|list',
    "['a','A','b']|unique|list", "['a','A']|unique(case_sensitive=true)|list", 'l|join', "l|join('-')",
    "p|join(',',attribute='name')", "p|map(attribute='name')|join(', ')", "p|map(attribute='v.k',default=0)|list",
    "p|selectattr('v')|list|length", "p|rejectattr('v')|list|length",
    "p|selectattr('v','defined')|map(attribute='name')|list", "p|selectattr('name','equalto','x')|list",
    "p|rejectattr('name','in',['x','Y'])|list", "l|select('odd')|list", "l|reject('odd')|list", "l|select('>',1)|list",
    "[0,1,'',none]|select|list", "l|map('string')|list", "w|map('upper')|join", "l|map('float')|list",
    "p|sort(attribute='name')|map(attribute='name')|list", "p|map(attribute='name')|sort|list", 'l|batch(2)|list',
    "l|batch(2,'x')|list", "q|default('dd')", "e|default('dd')", "e|default('dd',true)", "z|default('dd')",
    "z|d('dd',true)", 'q|default', "'12'|int", "'12.7'|int", "'x'|int", "'x'|int(3)", '12.9|int', "'1.5'|float",
    "'x'|float", '5|float', '-3|abs', '2.567|round(2)', '2.5|round', '3.5|round', "2.4|round(0,'ceil')",
    "2.6|round(0,'floor')", '-2.5|round', '1234|round(-2)', '0.15|round(1)', '\'<a href="x">&\\\'</a>\'|e', "'x'|safe",
    '5|string', "'a b c'|wordcount", "'héllo 😀 x_1 a-b'|wordcount", "'½, Ⅷ!'|wordcount",
    "'½'.isalnum()", "'½'.isalpha()", "'a\\nb'|indent(-3)", "[1]|tojson(indent=-1)", 's|indent',
    's|indent(2,true)', 's|indent(2,false,true)', "'a\\nb\\n\\nc'|indent(width=3)", "'a\\nb'|indent('> ')", "'%s-%d'|format('a',3)",
    "'%s %r %.2f %%' % ('a','b',1.5)", "'%s' % 'x'", "'%d' % 3.9", 'n is number', 'f is float', 'n is integer',
    't is integer', 't is boolean', 's is string', 'd is mapping', 'l is sequence', 's is iterable', 'n is iterable',
    'z is none', 'q is defined', 'q is undefined', 'q is not defined', 'n is odd', 'n is even', 'n is divisibleby 5',
    'n is divisibleby(2)', 'n is eq 5', 'n is equalto(5)', 'n is sameas 5', 'n is ge 3', "'a' is in w", "'a' is lower",
    "'A' is upper", 'n is not none', 'q is none', 'l is callable', 'range is callable', 'f is number', 'z is string',
    'q is iterable', 'q is sequence', 'range(5)|list', 'range(2,5)|list', 'range(10,0,-3)|list', 'range(0)|list',
    'namespace(a=1).a', 'namespace(a=1).b', 'q', 'z', 'm[0].foo', 'm[0].foo is defined', 'm[7] is defined', 'l.0',
    'm.0.role', 'm[0].items()|list', "'a' < 'b'", '[1,2] < [1,3]', 't + 1', "'é' > 'z'", '(1 if t else 2) + 3',
    "n|string + 'x'", "n ~ 'x'|upper", '-n|abs', '(n, f)', "{'a': n}.a", "{'a': n}['a']", "{'items': 1}.items()|list",
    'not n == 5', 'n == 5 and not e', '1 + 2 * 3 ** 2 // 4 - 5 % 3', '2 ** 3 ** 2', "'a' in 'abc' and 'd' not in 'abc'",
    'none', 'None', 'True', '[q]', '(q,)', "cycler('a','b').next()", '[1,2,3][1]', "'abc'[1]",
    '"a\\tb\\\\n\\q\\101\\u00e9\\U0001F600"', "'\\x41'", "{'a':1,'a':2}", "{1:'a',1.0:'b'}", "'a'.join(['x','y'])",
    'l.index(1)', 'l.count(3)', "s.strip().split(' ')[-1]|trim|upper|length", "'a;b'.split(';')|map('trim')|list",
    "0 or [] or 'z'", "n if n is defined and n else 'x'", "'A'|lower ~ 'B'|lower", "'%05d'|length",
    'true and false or true', 'd.b', "d['b'] + 1", "m|selectattr('role','==','user')|list|first",
    "(m|selectattr('role','==','user')|list)[0].content", "m|map(attribute='content')|map('trim')|join('|')",
    "''|first is defined", '[]|last is defined', '[]|max is defined', 'm|first|tojson',
    "s|truncate(5) if false else 'k'", "joiner(', ')()", '1.0|int', "'1_0'|length", 'true|string', 'none|string',
    '[1,[2,(3,)]]|string', '1|tojson', '1.5|tojson', 'none|tojson', 'true|tojson', '1e16|tojson', 'l == [3,1,2]',
    'l != [3,1,2]', '3 in [1,2,3] == true', 'loop is defined', "{'a':{'b':1}}['a']", '"%}"',
    "raise_exception('bad role')", 'q.x', 'q()', "'a' + 1", "1 < 'a'", 'l.append(3)', "d.update({'a':1})", 'n|nosuch',
    'n is nosuch', 'nosuch(1)', '(1', '[1', "'a", '', '1 + ', "''.__class__.__mro__", 'none + 1', 'none|length',
    '5|length', "{}['x'].y", '1/0', 'm[0].content.foo.bar', 'range(1000000)|length', "'x'|int('y')", "[1,'a']|sort",
    's.strip(1)', "s.split('')", '{[]:1}', "'a' is divisibleby 2", 'loop.index', 'not', '1 2', 'a b', 'f(a=1, 2)', '08',
    '1.2.3', 's |', 's is', '$', 'a ? b', "'%s' % ()", 'l[1:2:0]', "l['a']", 'd[1]', "'abc'['x']",
    "strftime_now('%Y')|length", "'a'|join(',')", "[[1,2],[3]]|map('join','-')|list", "[1,2]|map('nosuch')|list",
    '(m|last).role', 'm|last', 'm[0]', 'caller', "('a','b')|join",
]
TEMPLATES = [
    "{{ '{} {}'.format(1, s) }}{{ '{1}{0}{x}'.format('a', 'b', x=[1]) }}{{ '{{}}{{{}}}'.format(2) }}", "{{ '{}'.format() }}",
    "{{ '{x}'.format(1) }}", "{{ '{'.format(1) }}", "{{ '}'.format(1) }}",
    "{{ none | selectattr('a') | list }}{{ 0 | map('upper') | list }}{{ false | reject('odd') | list }}",
    "{{ 5 | selectattr('a') | list }}", "{{ {'a': 1}.pop('a') }}", "{{ '%s, %s' | format(1, none) }}",
    "{{ 'a\\\nb' }}", 'a{% if t %}b{% elif n %}c{% else %}d{% endif %}e',
    '{% if e %}b{% elif n %}c{% else %}d{% endif %}', '{% for x in l %}{{x}},{% else %}none{% endfor %}',
    '{% for x in [] %}{{x}},{% else %}none{% endfor %}',
    '{% for x in l %}{{loop.index}}{{loop.index0}}{{loop.first}}{{loop.last}}{{loop.length}}{{loop.revindex}}{{loop.revindex0}}{{loop.previtem}}{{loop.nextitem}}{{loop.depth}};{% endfor %}',
    '{% for k, v in d.items() %}{{k}}={{v}};{% endfor %}', '{% for x in l if x > 1 %}{{loop.index}}:{{x}} {% endfor %}',
    '{% for x in l %}{% for y in w %}{{loop.depth}}{{loop.index}}{% endfor %}{{loop.index}}{% endfor %}',
    '{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{x}}{% endfor %}',
    '{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{x}}{% endfor %}',
    "{% for x in l %}{{ loop.cycle('a','b') }}{% endfor %}",
    '{% set x = 1 %}{% for y in l %}{% set x = x + y %}{{x}} {% endfor %}{{x}}',
    '{% set ns = namespace(x=1) %}{% for y in l %}{% set ns.x = ns.x + y %}{% endfor %}{{ns.x}}',
    '{% set a, b = 1, 2 %}{{a}}{{b}}', '{% set x %}  hi {{n}} {% endset %}[{{x}}]',
    '{% set x | upper | trim %}  hi {{n}} {% endset %}[{{x}}]', '{% if t %}{% set x = 3 %}{% endif %}{{x}}',
    "{% macro f(a, b=2, c='z') %}{{a}}-{{b}}-{{c}}{% endmacro %}{{ f(1) }} {{ f(1,3) }} {{ f(a=5,c=6) }} {{ f() }}",
    '{% macro f(x) %}[{{ caller() }}{{x}}]{% endmacro %}{% call f(3) %}body{% endcall %}',
    '{% macro f(x) %}{{ caller(x*2) }}{% endmacro %}{% call(y) f(3) %}got {{y}}{% endcall %}',
    '{% macro f() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1,2,z=3) }}',
    '{% set g = 9 %}{% macro f() %}{{ g }}{% endmacro %}{{ f() }}{% set g = 10 %}{{ f() }}',
    '{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(5) }}',
    '{% filter upper %}ab{{ s }}{% endfilter %}', "{% filter trim|replace('a','b') %}  aaa {% endfilter %}",
    '{% raw %}{{ x }} {% if %}{% endraw %}', '{%- raw -%}  {{ x }}  {%- endraw -%} z', 'a{# comment {{ #}b',
    '{% with a = 1, b = n %}{{a}}{{b}}{% endwith %}{{a}}', '{% generation %}gen{{n}}{% endgeneration %}x',
    '  {% if t %}\n  yes\n  {% endif %}\nno\n', 'a\n  {%- if t -%}\n  yes\n  {%- endif -%}\n b',
    'a\n  {%+ if t %}\n x\n  {%+ endif +%}\nb', '  {{ n }}\n  {{- n }}\n  {{ n -}}\n z', '{# c #}\nx', 'x {# c #}\ny',
    '  {# c #}\ny', '{#- c -#}\n y', 'x\n\n', 'x\n\n\n', 'x\r\ny\rz\n', "{{ 'a\\nb' }}\n",
    '{% if t %}\n\n\nx{% endif %}\n\ny', '   {% set x = 1 %}   {% set y = 2 %}  \nz',
    '\t{% for i in l %}\n\t\t{{ i }}\n\t{% endfor %}\n', '{%if t%}a{%endif%}', '{{n}}{{f}}', "{{'}}'}}",
    "{% if '%}' %}x{% endif %}", 'a {%- if t %} b {%- endif %} c', 'a {% if t -%} b {% endif -%} c',
    '{{ 1 }}\n\n{{ 2 }}', '\xa0{% if t %}x{% endif %}', '\n  {% if t %}x{% endif %}',
    'x\n\u3000{%- if t %}y{% endif %}', '{% for m in m %}{{m.role}}{% endfor %}{{ m|length }}',
    '{% for (a,b) in [(1,2),(3,4)] %}{{a}}{{b}}{% endfor %}', '{% for c in u %}[{{c}}]{% endfor %}',
    '{% for k in d %}{{k}},{% endfor %}', '{% for x in q %}a{% else %}b{% endfor %}', '{% set x = l + [4] %}{{x}}',
    '{% set _ = 1 %}{{_}}', '{% if q is defined and q %}1{% else %}2{% endif %}', '{% nosuch %}', '{% if t %}', '{{ n',
    '{{ n }', '{% for x in l %}', '{% endif %}', "{% include 'x' %}", '{% set %}', '{% for in l %}{% endfor %}',
    '{# no end', '{% raw %} x', '{% for x in 5 %}{% endfor %}', '{% break %}', '{% if x y %}{% endif %}',
    '{% macro f( %}{% endmacro %}', '{% set true = 1 %}', '{% set x.y = 1 %}', '{% elif %}',
    '{% if t %}{% else %}{% else %}{% endif %}', '{% set ns = namespace() %}{% set ns.__x = 1 %}',
    "{% set x = 'a' if false %}[{{x}}]", '{% if (n > 3) and (f < 3 or e) %}ok{% endif %}',
    '{%- for x in l %}\n{{- x }}\n{%- endfor %}\n', '{{- n -}} x', '{{+ n }}', 'x{% if t %}\ny\n{% endif %}z',
    '{% if t %}{{n}}\n{% endif %}\n\n', '\n', '', "{{'\\n'}}", '\n\n{{n}}',
    '{% for x in l -%}  {{x}}  {%- if not loop.last %}, {% endif %}{% endfor %}',
    '{% set x = namespace(found=false) %}{% for i in l %}{% if i == 1 %}{% set x.found = true %}{% endif %}{% endfor %}{{ x.found }}',
    '{%- macro a() -%} x {%- endmacro -%} [{{ a() }}]',
    '{% set x = [] %}{% set x = x + [1] %}{% set x = x + [2] %}{{ x }}',
    "{% if m[0]['role'] == 'system' %}{% set sm = m[0]['content'] %}{% set lm = m[1:] %}{% else %}{% set lm = m %}{% endif %}{{ sm }}{{ lm|length }}",
]


def answer(template):
    try:
        return _compile_jinja_template(template).render(**VARIABLES)
    except Exception:  # Of all kinds.
        return None


if __name__ == "__main__":
    templates = ["{{ %s }}" % each for each in EXPRESSIONS] + TEMPLATES
    made = {"variables": VARIABLES, "cases": [[template, answer(template)] for template in templates]}
    path = HERE / "language.json"
    if "--check" not in sys.argv:
        cases = ",\n".join("  " + json.dumps(case, ensure_ascii=False) for case in made["cases"])
        path.write_text(f'{{"variables": {json.dumps(VARIABLES, ensure_ascii=False)},\n "cases": [\n{cases}]}}\n')
    if json.loads(path.read_text()) != made:
        sys.exit("language.json is not what this Jinja makes")
    print(len(made["cases"]), "cases")
