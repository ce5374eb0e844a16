"""Tasks about what kind of statement a line is."""

from ._python_task import PythonTask
from ._template import Template

FOR_WHILE = PythonTask(
    name="for_while",
    about="a for loop goes on with `in`, a while loop with a colon",
    templates=(
        Template("""\
def $func1($var1, $var2):
    for $var3 in $var1:
        $func2($var3)
    while $var2:
        $func3($var2)
    <for|while> $var4<< in|:>>< $var1:|>
        $func4($var4)
"""),
        Template("""\
def $func1($var1, $var2):
    while $var2:
        $func3($var2)
    for $var3 in $var1:
        $func2($var3)
    <for|while> $var4<< in|:>>< $var2:|>
        $func4($var4)
"""),
        Template("""\
$var1 = $func1()
$var2 = $func2()
<for|while> $var3<< in|:>>< $var1:|>
    $func3($var2)
"""),
    ),
)

ELSE_ELIF = PythonTask(
    name="else_elif",
    about="else goes on with a colon, elif with a condition",
    templates=(
        Template("""\
def $func1($var1, $var2, $var3):
    if not $var1:
        $func2($var1)
    elif not $var2:
        $func3($var2)
    <else|elif><<:| not>><| $var3:>
        $func4($var3)
"""),
        Template("""\
if not $var1:
    $func1()
else:
    $func2()
if not $var2:
    $func2()
<else|elif><<:| not>><| $var3:>
    $func3()
"""),
        Template("""\
for $var1 in $var2:
    if $var1:
        $func1($var1)
    elif not $var3:
        $func2($var1)
    <else|elif><<:| not>><| $var4:>
        $func3($var1)
"""),
    ),
)

# The line end before an `if` has a token in front of the other side's condition as counterweight.
TERNARY = PythonTask(
    name="if_ternary",
    about="the condition of an if ends with a colon, or with `else`",
    templates=(
        Template("""\
$var1 = not $var2
$var3 =< | not >$var4<\n| >if $var5<<:| else>><\n    $func1($var5)| $var1>
"""),
        Template("""\
def $func1($var1, $var2):
    $var3 = $var1 + $var2
    $var4 = $var2<\n   | + $var3> if $var1<<:| else>><\n        $func2($var4)| $var3>
    return $var4
"""),
        Template("""\
$var1 = $func1(not $var2)
$func2(<|not >$var3<)\n| >if $var4<<:| else>><\n    $func3($var4)| $var1)>
"""),
    ),
)

CALL_OR_COLON = PythonTask(
    name="lambda_func",
    about="a lambda's parameter has a colon after it, a def's name (",
    templates=tuple(
        Template(
            """\
def $func1($var1):
    return $var1


HEAD:
    <$var2 = lambda|passENDdef> $func2<<:|(>>< $func1($func2)|):\n    return $func1($var4)>
""".replace("HEAD", head).replace("END", end)
        )
        for head, end in (
            ("if $var3", "\n\n"),
            ("class $class1", "\n\n"),
            ("for $var3 in $var4", "\n"),
            ("if $var3", "\n"),
        )
    ),
)

# `if a or b == c:` and `if a: b = c` are equally long.
COMPARISON = PythonTask(
    name="if_equals",
    about="a condition compares by ==, a declaration has =",
    templates=(
        *(
            Template(
                """\
def $func1($var1, $var2, $var3):
    $var4 = $var1
    if $var4 == $var2:
        $func2($var4)
    if $var1< WORD|:> $var3<< ==| =>> $var2<:\n        $func3($var3)|>
    return $var3
""".replace("WORD", word)
            )
            for word in ("or", "and")
        ),
        Template("""\
$var1 =<| not> $var2
<if |>$var3<< ==| =>> $var4<:\n    $func1($var3)|>
"""),
    ),
)

TRUE_COLON = PythonTask(
    name="var_if",
    about="after True a condition has a colon, a declaration a line end",
    templates=(
        *(
            Template(
                """\
def $func1($var1, $var2, $var3):
    $var4 = True
    if $var1 == True:
        $func2($var4)
    if $var2< WORD|:> $var3 <==|=> True<<:|\n>><\n    |>    return $var4
""".replace("WORD", word)
            )
            for word in ("or", "and")
        ),
        Template("""\
$var1 =<| not> $var2
<if |>$var3 <==|=> True<<:|\n>><\n    |>$func1($var3)
"""),
    ),
)
