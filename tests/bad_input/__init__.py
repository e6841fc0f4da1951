"""One table of bad and unusual input over the whole library, a file for every part of it.

A row names a public symbol, calls it, and says what has to happen: `refused` wants a `ValueError` whose one line holds the
given words, `right` wants the given answer. A call receives the symbol and, if it takes a second argument, an empty folder.
"""
from collections import namedtuple

Row = namedtuple('Row', 'symbol call words answer')


def refused(symbol, call, *words): # words the message must hold: what was expected, what arrived
    return Row(symbol, call, words, None)


def right(symbol, call, answer): # a number, a tensor, anything that compares, or a function that says whether the answer is right
    return Row(symbol, call, None, answer)


def redrawn(box, control, value):
    "Does a widget draw another picture when this control has this value?"
    before = box.image.value
    box.controls[control].value = value
    return box.image.value!=before
