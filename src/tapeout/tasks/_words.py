"""Word lists that the built-in tasks draw from. Tokenizers decide which of the names are used."""


def _list(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Given names that are rarely borne by both women and men, and that name no place or thing.
WOMEN = _list(
    "Mary Anna Emma Laura Sarah Julia Alice Helen Susan Karen Linda Nancy Lisa Emily Rachel "
    "Rebecca Jessica Jennifer Michelle Amanda Melissa Stephanie Nicole Elizabeth Margaret "
    "Catherine Katherine Christine Maria Rosa Clara Sophie Sophia Olivia Hannah Lucy Molly Amy "
    "Angela Diana Donna Barbara Carol Caroline Claire Deborah Dorothy Ellen Eva Fiona Heather "
    "Jane Janet Joan Judith Julie Kate Kathleen Lily Lauren Louise Marie Martha Megan Monica "
    "Natalie Patricia Paula Pamela Ruth Sandra Sharon Teresa Tina Vanessa Wendy Zoe Bella "
    "Eleanor Isabella Gloria Holly Irene Joanna Leah Maggie Nina Nora Rita Sally Samantha"
)
MEN = _list(
    "John James Robert Michael William David Richard Joseph Thomas Charles Daniel Matthew Anthony "
    "Donald Steven Paul Andrew Joshua Kenneth Kevin Brian George Edward Ronald Timothy Jason "
    "Jeffrey Jacob Gary Nicholas Eric Jonathan Stephen Larry Justin Brandon Benjamin Samuel "
    "Gregory Frank Alexander Raymond Patrick Jack Dennis Jerry Tyler Aaron Jose Adam Henry Nathan "
    "Douglas Peter Kyle Walter Ethan Jeremy Harold Keith Roger Noah Gerald Carl Arthur Albert "
    "Bryan Bruce Ralph Louis Philip Harry Simon Oliver Luke Oscar Victor Leo Hugo Felix Max "
    "Ian Alan Colin Derek Edwin Fred Howard Ivan Marcus Neil Owen Tony Vincent"
)

# Where two people can be: each fits after "at the" and "near the".
PLACES = _list(
    "store park school station library museum restaurant beach office market hospital garden "
    "theater airport church farm zoo stadium bakery hotel harbor bank cafe pool"
)

# What one person can hand to another: each fits after "a".
OBJECTS = _list(
    "book ring key ball letter coin hat lamp map flower ticket pen bottle sandwich watch basket "
    "candle camera phone toy towel scarf magazine present"
)

# What can last for years: each fits between "The" and "lasted from the year".
PERIODS = _list(
    "war siege drought famine reign expedition campaign voyage plague epidemic rebellion revolt "
    "uprising dynasty empire alliance truce blockade crusade occupation conflict feud dispute "
    "negotiation project construction restoration excavation reform movement partnership marriage "
    "friendship courtship pilgrimage journey tour exhibition festival tradition trial "
    "investigation inquiry strike boycott embargo colony settlement mission monopoly boom "
    "recession depression crisis panic migration exodus exile captivity imprisonment regency "
    "administration government ministry coalition union federation republic monarchy tyranny "
    "dictatorship era tenure apprenticeship career lawsuit persecution invasion conquest "
    "resistance insurgency mutiny standoff stalemate ceasefire peace renaissance revival decline "
    "expansion hunt search quest experiment study survey debate controversy schism rivalry "
    "competition scandal conspiracy intrigue lease contract loan sponsorship scholarship "
    "fellowship programme ban curfew quarantine prohibition censorship collaboration custody "
    "pact protest vigil residency"
)
