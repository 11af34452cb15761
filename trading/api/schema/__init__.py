"""What our OpenAPI document says of each operation, written by hand beside the views.

Views read and write plain bodies, so nothing could be derived from them: a module per resource holds
its operations and the schemas of its bodies, `table` gathers them, `auto` hands them to the generator,
which takes paths and methods from the URLs. Tests hold document, URLs and answers together.
"""
