"""Files that somebody sends: there is no path that takes one, so none is kept, not for a moment.

Django would read them in its check against forgery, before it compares anything: to memory and, without
any limit, to the disk.
"""

from __future__ import annotations

from typing import Any, NoReturn

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler


class RefuseFiles(FileUploadHandler):
    """The only one in FILE_UPLOAD_HANDLERS. The other fields of a form are read as ever."""

    def new_file(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse, as soon as a file's head is read. Raises RequestDataTooBig."""
        raise RequestDataTooBig("a request that brings a file")

    def receive_data_chunk(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse, as above: it never comes so far."""
        raise RequestDataTooBig("a part of a file")

    def file_complete(self, *_: Any, **__: Any) -> None:
        """Make nothing of it."""
