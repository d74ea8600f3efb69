"""The inbox in a browser and the HTTP API: a face of a coordinator, beside the command line.

It decides nothing by itself: it tells who somebody is, shows what is asked, and hands what they say
to the coordinator, which asks the directory what they may do. It needs the extra `serve`.
"""
