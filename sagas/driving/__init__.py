"""The interpreter: carries out what `sagas.decide` decides, and journals what happens.

`run` drives one saga; `scopes` runs its body; `steps` and `undoing` move single calls; `calling`
calls user code; `log` and `writer` make entries durable.
"""
