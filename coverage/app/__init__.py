"""The local web application: the commands of plugspan for those who never open a terminal.

It listens on 127.0.0.1 alone (:mod:`plugspan.app.door`), its world is one folder (:mod:`plugspan.app.world`), and all
it does is a file of a project or a run of the command, so that the command repeats it.
"""
