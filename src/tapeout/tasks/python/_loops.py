"""Tasks about loops and what is indented below a line."""

from ._python_task import PythonTask
from ._template import Template

# The loop before asks for the other function: so the pair has the same words in another order.
COUNTED = PythonTask(
    name="enumerate_range",
    about="a loop over two names enumerates, one over one has a range",
    templates=(
        Template("""\
def $func1($var1, $var2):
    for <$var3|i, $var3> in <range|enumerate>($var1):
        $func2($var3)
    for <i, $var4|$var4> in<< enumerate| range>>($var2):
        $func3($var4)
"""),
        Template("""\
for <$var1|i, $var1> in <range|enumerate>($var2):
    $func1($var1)
for <i, $var3|$var3> in<< enumerate| range>>($var4):
    $func2($var3)
"""),
        Template("""\
def $func1($var1):
    while $var1:
        for <$var2|i, $var2> in <range|enumerate>($var1):
            $func2($var2)
        for <i, $var3|$var3> in<< enumerate| range>>($var1):
            $func3($var3)
"""),
    ),
)

# The last space of an indentation belongs to the word after it, in the tokens of most vocabularies.
BELOW_FOR = PythonTask(
    name="indent_for",
    about="the line after a for is indented deeper",
    templates=(
        *(
            Template(
                """\
def $func1($var1, $var2):
    for $var3 in $var2:
        $func2($var3)
    <for|assert> $var1MORE in $var2<:|>
<<       |   >> $func3($var1)
""".replace("MORE", more)
            )
            for more in ("", "<| not>")
        ),
        Template("""\
def $func1($var1):
    for $var2 in $func2($var1):
        $func3($var2)
    <for $var3 in|$var3 = not> $func2($var1)<:|>
<<       |   >> $func4($var3)
"""),
    ),
)

BELOW_TRUE = PythonTask(
    name="while_return_true",
    about="deeper below `while True`, out of the block after `return True`",
    templates=tuple(
        Template(
            """\
def $func1($var1, $var2):
    CONDITION:
        <while|returnMORE> True<:|>
<<           |   >> <$func2($var1)|return False>
""".replace("CONDITION", condition).replace("MORE", more)
        )
        for more in ("", " not")
        for condition in ("if $var1", "if $var1 in $var2", "for $var1 in $var2")
    ),
)
