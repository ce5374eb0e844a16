"""Tasks about what stands in quotes and brackets."""

from ._python_task import PythonTask
from ._template import Template

QUOTES = PythonTask(
    name="single_double_quote",
    about="a string ends with the quote that it began with",
    templates=(
        Template("""\
def $func1($var1):
    $func2('$word1')
    $func3("$word2")
    print(<"|'>$word3 $word4<<"|'>>)
"""),
        Template("""\
def $func1($var1):
    $func2("$word1")
    $func3('$word2')
    return $func4(<"|'>$word3<<"|'>>)
"""),
        Template("""\
$var1 = $func1('$word1')
$var2 = $func1("$word2")
if $var1:
    print(<"|'>$word3 $word4 $word5<<"|'>>)
"""),
        Template("""\
$var1 = $func1("$word1 $word2")
$var2 = $func2('$word3 $word4')
$var3 = $func3(<"|'>$word5 $word6<<"|'>>)
"""),
    ),
)

# Some tokenizers write the f of an f-string as a token of its own, so the other string has a prefix
# or some words more.
F_STRINGS = PythonTask(
    name="fstring_brace",
    about="an f-string puts a name in braces, another string ends",
    templates=tuple(
        Template(
            """\
def $func1($var1, $var2):
    $var3 = $func2($var1)
    print("$word1 $word2")
    print(f"$word3 {$var3}")
    print(EITHER$word4 $word5<< {|">><$var2}"|>)
""".replace("EITHER", either)
        )
        for either in ('<f|r>"', '<f"|">', '<f"|"$word6 >', '<f"|"$word6 $word7 >')
    ),
)

NAMED = (("input", "output"), ("source", "target"), ("src", "dst"), ("in", "out"))

FILE_MODES = PythonTask(
    name="with_open",
    about="a file is opened to read or to write, as its name says",
    templates=tuple(
        Template(text.replace("READ", read).replace("WRITE", write))
        for text in (
            """\
def $func1(READ_$file1, WRITE_$file2):
    with open(<READ_$file1|WRITE_$file2>, "<<r|w>>") as $var1:
        <return $var1.read()|$var1.write("$word1")>
""",
            """\
def $func1($var1):
    with open("<READ|WRITE>_$file1.txt", "<<r|w>>") as $var2:
        <return $var2.read()|$var2.write($var1)>
""",
        )
        for read, write in NAMED
    ),
)

# `async`, a bracket or a module makes `with` as long as the name and the sign of a declaration.
WITH_AS = PythonTask(
    name="with_as",
    about="an opened file gets its name by `as`, or has it before",
    templates=tuple(
        Template(
            """\
ASYNCdef $func1($var1):
    $var2 = open("$file1.txt")
    with open("$file2.txt") as $var3:
        $func2($var3)
    <WITH|$var4 = >open("$file3.txt")<< as|\n>>< $var4CLOSE:
        return $var4.read()|    return $var4.read()>
""".replace("ASYNC", before)
            .replace("WITH", opened)
            .replace("CLOSE", closed)
        )
        for before, opened, closed in (
            ("async ", "async with ", ""),
            ("", "with io.", ""),
            ("", "with (", ")"),
        )
    ),
)

IN_BRACES = PythonTask(
    name="bracket_brace",
    about="after a text in a dict comes a colon, in a list a comma",
    templates=(
        Template("""\
$var1 = <["$word1", $num1, "$word2", $num2]|{"$word1": $num1, "$word2": $num2}>
$var2 = <{|[>"$word3"<:|,> $num3, "$word4"<:|,> $num4, "$word5"<<:|,>> $num5<}|]>
"""),
        Template("""\
def $func1($var1):
    $var2 = <["$word1", "$word2"]|{"$word1": "$word2"}>
    $var3 = <{|[>"$word3"<:|,> $var1, "$word4"<<:|,>> $var2<}|]>
    return $var3
"""),
        Template("""\
def $func1($var1, $var2):
    $func2(["$word1", "$word2"])
    $func2({"$word1": $var1})
    return <{|[>"$word3"<:|,> $var1, "$word4"<:|,> $var1, "$word5"<<:|,>> $var2<}|]>
"""),
    ),
)

# A flat list of as many numbers has just as many tokens as a nested one; where a number takes the
# space before it, only without spaces.
NESTING = PythonTask(
    name="bracket_counting",
    about="a list ends with as many brackets as are open",
    templates=(
        Template("""\
$var1 = <[$num1, $num2]|[[$num1, $num2]]>
$var2 = <[|>[$num3, $num4<], [|, >$num5, $num6<], [|, >$num7, $num8<<]]|]>>
"""),
        Template("""\
def $func1($var1):
    $var2 = <[$num1, $num2, $num3]|[[$num1, $num2, $num3]]>
    $var3 = <[|>[$num4, $num5, $num6<], [|, >$num7, $num8, $num9<<]]|]>>
    return $var3
"""),
        Template("""\
$var1 = [[$num1, $num2], [$num3, $num4]]
$var2 = [$num5, $num6, $num7, $num8]
$var3 = <[|>[$num9, $num10<], [|, >$num11, $num12<<]]|]>>
"""),
        Template("""\
$var1 = <[$num1,$num2]|[[$num1,$num2]]>
$var2 = <[|>[$num3,$num4<],[|,>$num5,$num6<],[|,>$num7,$num8<<]]|]>>
"""),
    ),
)
