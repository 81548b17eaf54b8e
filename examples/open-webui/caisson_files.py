"""
title: Caisson files
description: Hands files attached in Open WebUI to Caisson as files, so that they lie in the agent's workspace.
version: 0.1.0
license: MIT
"""

# A filter function of Open WebUI (Admin Panel > Functions). Without it Open WebUI sends the text that it could read
# of a file, inside the question, and the agent has no file to open.

import base64
import mimetypes
from typing import Optional

from open_webui.models.files import Files
from open_webui.models.users import Users
from open_webui.storage.provider import Storage
from open_webui.utils.access_control.files import has_access_to_file
from pydantic import BaseModel, Field

MEBIBYTE = 1024 * 1024


class Filter:
    class Valves(BaseModel):
        models: str = Field(
            default="",
            description="Beginnings of the model names that Caisson serves, comma-separated; empty means every model.",
        )
        mebibytes_max: int = Field(
            default=20,
            description="Files larger than this, in all, stay with Open WebUI. A request grows by four thirds of it.",
        )

    def __init__(self):
        self.valves = self.Valves()
        # Open WebUI then adds no text of the files to the question.
        self.file_handler = True

    def _is_ours(self, model: str) -> bool:
        beginnings = [name.strip() for name in self.valves.models.split(",") if name.strip()]
        return not beginnings or any(model.startswith(beginning) for beginning in beginnings)

    async def _part(self, item: dict, user) -> Optional[dict]:
        """The file as a content part of the OpenAI API; None for a collection, a page or a file of somebody else."""
        if item.get("type") != "file" or not item.get("id"):
            return None
        file = await Files.get_file_by_id(item["id"])
        if file is None or not file.path or not await has_access_to_file(file.id, "read", user):
            return None
        with open(Storage.get_file(file.path), "rb") as opened:
            content = opened.read()
        kind = (file.meta or {}).get("content_type") or mimetypes.guess_type(file.filename)[0]
        data = base64.b64encode(content).decode("ascii")
        return {
            "type": "file",
            "file": {
                "filename": file.filename,
                "file_data": f"data:{kind or 'application/octet-stream'};base64,{data}",
            },
        }

    async def inlet(self, body: dict, __user__: Optional[dict] = None) -> dict:
        messages = body.get("messages") or []
        items = body.get("files") or []
        if not items or not messages or __user__ is None or not self._is_ours(str(body.get("model", ""))):
            return body
        user = await Users.get_user_by_id(__user__["id"])
        parts = [part for item in items if (part := await self._part(item, user)) is not None]
        size = sum(len(part["file"]["file_data"]) for part in parts) * 3 // 4
        if not parts or size > self.valves.mebibytes_max * MEBIBYTE:
            return body
        last = messages[-1]
        content = last.get("content") or ""
        last["content"] = ([{"type": "text", "text": content}] if isinstance(content, str) else content) + parts
        return body
