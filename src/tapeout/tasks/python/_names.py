"""Tasks about names: which one comes next, and what it stands for."""

from ._python_task import PythonTask
from ._template import Template

# The function before has what the asked one has not: so the pair has the same words in all.
DEFAULTS = PythonTask(
    name="final_kwarg",
    about="a parameter has a default where those before it have one",
    templates=(
        Template("""\
def $func1($var1, $var2<|=None>, $var3<|=None>):
    return $var1

def $func2($var4<=None|>, $var5<=None|>, $var6<<=|)>><None):|:>
    return $var6
"""),
        Template("""\
class $class1:
    def $func1(self, $var1<|=None>, $var2<|=None>, $var3<|=None>):
        return $var1

    def $func2(self, $var4<=None|>, $var5<=None|>, $var6<=None|>, $var7<<=|)>><None):|:>
        return $var7
"""),
        Template("""\
def $func1(<$var1|$var1=None>):
    return $func2($var1)

def $func2($var2, $var3<=None|>, $var4<<=|)>><None):|:>
    return $var2
"""),
    ),
)

_TYPES = (
    """\
def $func1($var1):
    ASKED = <set()|"">
    $var3 = <""|set()>
    for $var4 in $var1:
        ASKED<<.| +=>><add($var4)| $var4>
""",
    """\
def $func1($var1):
    $var3 = <""|set()>
    ASKED = <set()|"">
    while $var1:
        $var4 = $func2($var1)
        ASKED<<.| +=>><add($var4)| $var4>
""",
    """\
ASKED = <set()|"">
$var3 = <""|set()>
$var4 = $func1()
if $var4:
    ASKED<<.| +=>><add($var4)| $var4>
""",
)

TYPES = PythonTask(
    name="set_or_string",
    about="a set is added to by .add, a string by +=",
    templates=tuple(Template(text.replace("ASKED", "$var2")) for text in _TYPES),
)

TYPES_OF_CURRENT = PythonTask(
    name="set_or_string_fixedvarname",
    about="the same, and the variable is always called `current`",
    templates=tuple(Template(text.replace("ASKED", "current")) for text in _TYPES),
)

ATTRIBUTES = PythonTask(
    name="class_init",
    about="an attribute gets the parameter of its name",
    templates=(
        Template("""\
class $class1:
    def __init__(self, $var1, $var2, $var3):
        self.$var1 = $var1
        self.<$var2|$var3> =<< $var2| $var3>>
        self.<$var3|$var2> = <$var3|$var2>
"""),
        Template("""\
class $class1:
    def __init__(self, $var1, $var2, $var3, $var4):
        self.$var1 = $var1
        self.$var2 = $var2
        self.<$var3|$var4> =<< $var3| $var4>>
        self.<$var4|$var3> = <$var4|$var3>
"""),
        Template("""\
class $class1:
    def __init__(self, $var1, $var2):
        self.<$var1|$var2> =<< $var1| $var2>>
        self.<$var2|$var1> = <$var2|$var1>
"""),
    ),
)

SWAP = PythonTask(
    name="var_swap",
    about="a swap ends with the name that it began with",
    templates=(
        Template("""\
def $func1($var1, $var2):
    <$var1, $var2 = $var2|$var2, $var1 = $var1>,<< $var1| $var2>>
    return $var1
"""),
        Template("""\
def $func1($var1, $var2, $var3, $var4):
    $var3, $var4 = $var4, $var3
    <$var1, $var2 = $var2|$var2, $var1 = $var1>,<< $var1| $var2>>
    return $var1
"""),
        Template("""\
if $var1 == $var2:
    $var3 = $var1
    <$var1, $var2 = $var2|$var2, $var1 = $var1>,<< $var1| $var2>>
"""),
    ),
)
