"""openai-python's own type assertions over every object and event that the server sends."""

import pathlib
import subprocess
import sys
import tarfile

from openai import OpenAI
from openai.pagination import SyncConversationCursorPage, SyncCursorPage, SyncPage
from openai.types import (
    ContainerCreateResponse,
    ContainerListResponse,
    ContainerRetrieveResponse,
    FileDeleted,
    FileObject,
    Model,
)
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.containers import FileCreateResponse, FileListResponse, FileRetrieveResponse
from openai.types.conversations import Conversation, ConversationDeletedResource, ConversationItem, ConversationItemList
from openai.types.responses import (
    Response,
    ResponseCompactionItem,
    ResponseItem,
    ResponseStreamEvent,
    ResponseUsage,
)
from openai.types.responses.input_token_count_response import InputTokenCountResponse
from pydantic import TypeAdapter
from tasks import (
    API_KEY,
    BASE_URL,
    CLIENT_TOOL,
    COMPUTE,
    INTERPRETER,
    MODEL,
    QUESTION,
    THREE_TOOLS,
    USE_SHELL,
    WEATHER,
    report,
)


def assertions():
    """The package's test helpers, which only its source distribution has."""
    place = pathlib.Path(sys.prefix) / "sdist"
    if not place.exists():
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "openai"]
        version = subprocess.check_output([sys.executable, "-m", "pip", "show", "openai"], text=True)
        number = next(line.split()[1] for line in version.splitlines() if line.startswith("Version:"))
        subprocess.run([*pip, "--dest", str(place), f"openai=={number}"], check=True)
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "rich==14.1.0"], check=True)
    archive = next(place.glob("openai-*.tar.gz"))
    with tarfile.open(archive) as tar:
        tar.extractall(place, filter="data")
    sys.path.insert(0, str(archive).removesuffix(".tar.gz"))
    from tests.utils import assert_matches_type

    return assert_matches_type


assert_matches_type = assertions()
client = OpenAI(base_url=BASE_URL, api_key=API_KEY)
FUNCTION = {"type": "function", "strict": False, **WEATHER["function"]}
SHELL = {"type": "shell", "environment": {"type": "container_auto"}}


def is_typed(kind, value, at):
    """The package's own assertion, and its model's strict validation of what came over the wire."""
    assert_matches_type(kind, value, path=[at])
    if hasattr(value, "to_dict") and not hasattr(value, "iter_pages"):
        TypeAdapter(kind).validate_json(value.to_json(), strict=True)
    return value


def whole(**request):
    response = client.responses.create(model=MODEL, **request)
    if not request.get("background"):
        assert response.status == "completed", response
    return is_typed(Response, response, "response")


def events(stream):
    heard = list(stream)
    for index, event in enumerate(heard):
        is_typed(ResponseStreamEvent, event, f"event {index}, {event.type}")
        assert event.sequence_number == index
    return heard


# Chat Completions and models.
for request in ({"content": QUESTION}, {"content": THREE_TOOLS}, {"content": CLIENT_TOOL, "tools": [WEATHER]}):
    said = {
        "model": MODEL,
        "messages": [{"role": "user", "content": request["content"]}],
        **({"tools": request["tools"]} if "tools" in request else {}),
    }
    completion = is_typed(ChatCompletion, client.chat.completions.create(**said), "completion")
    for chunk in client.chat.completions.create(**said, stream=True, stream_options={"include_usage": True}):
        is_typed(ChatCompletionChunk, chunk, "chunk")
is_typed(SyncPage[Model], client.models.list(), "models")
is_typed(Model, client.models.retrieve(client.models.list().data[0].id), "model")
report("question, every completion, chunk and model has its type", client.chat.completions.create(
    model=MODEL, messages=[{"role": "user", "content": QUESTION}]
).choices[0].message.content)

# Responses: whole, as a stream, and heard again.
answered = whole(input=QUESTION)
called = whole(input=CLIENT_TOOL, tools=[FUNCTION])
is_typed(Response, client.responses.retrieve(called.id), "kept")
is_typed(SyncCursorPage[ResponseItem], client.responses.input_items.list(called.id), "input_items")
for request in ({"input": QUESTION}, {"input": CLIENT_TOOL, "tools": [FUNCTION]}):
    events(client.responses.create(model=MODEL, stream=True, **request))
background = whole(input=QUESTION, background=True)
is_typed(Response, client.responses.cancel(background.id), "cancelled")
events(client.responses.retrieve(background.id, stream=True))
is_typed(InputTokenCountResponse, client.responses.input_tokens.count(model=MODEL, input=QUESTION), "tokens")
compacted = client.responses.compact(model=MODEL, input=QUESTION)
# The package's type of the whole has no message of a user's, which its own documentation says is there.
is_typed(ResponseCompactionItem, compacted.output[-1], "compaction")
is_typed(ResponseUsage, compacted.usage, "usage")
assert [item.role for item in compacted.output[:-1]] == ["user"], compacted
report("question, every response and event has its type", answered.output_text)

# The hosted tools, in containers.
computed = whole(input=COMPUTE, tools=[INTERPRETER])
calls = [item for item in computed.output if item.type == "code_interpreter_call"]
outputs = [output.type for item in calls for output in item.outputs]
assert "logs" in outputs and "image" in outputs, outputs
heard = events(client.responses.create(model=MODEL, input=COMPUTE, tools=[INTERPRETER], stream=True))
assert {"response.code_interpreter_call.completed", "response.output_text.annotation.added"} <= {e.type for e in heard}
going = client.responses.create(model=MODEL, input=COMPUTE, tools=[INTERPRETER], stream=True, background=True)
again = events(client.responses.retrieve(next(iter(going)).response.id, stream=True))
assert again[-1].type == "response.completed", again[-1]
report("code interpreter, every item and event has its type", computed.output_text)
shelled = whole(input=USE_SHELL, tools=[SHELL])
heard = events(client.responses.create(model=MODEL, input=USE_SHELL, tools=[SHELL], stream=True))
assert "response.shell_call_output_content.done" in {event.type for event in heard}
report("shell, every item and event has its type", shelled.output_text)

# Containers.
container = is_typed(ContainerCreateResponse, client.containers.create(name="typed"), "container")
is_typed(ContainerRetrieveResponse, client.containers.retrieve(container.id), "container")
is_typed(SyncCursorPage[ContainerListResponse], client.containers.list(), "containers")
file = client.containers.files.create(container.id, file=("a.txt", b"a"))
is_typed(FileCreateResponse, file, "file")
is_typed(FileRetrieveResponse, client.containers.files.retrieve(file.id, container_id=container.id), "file")
is_typed(SyncCursorPage[FileListResponse], client.containers.files.list(container.id), "files")
assert client.containers.files.content.retrieve(file.id, container_id=container.id).read() == b"a"
client.containers.files.delete(file.id, container_id=container.id)
client.containers.delete(container.id)

# Files.
sent = is_typed(FileObject, client.files.create(file=("b.csv", b"a,b"), purpose="user_data"), "file")
is_typed(FileObject, client.files.retrieve(sent.id), "file")
is_typed(SyncCursorPage[FileObject], client.files.list(), "files")
assert client.files.content(sent.id).read() == b"a,b"
is_typed(FileDeleted, client.files.delete(sent.id), "deleted")

# Conversations, of what was said and computed in them.
conversation = is_typed(
    Conversation,
    client.conversations.create(items=[{"type": "message", "role": "user", "content": "Hello."}], metadata={"a": "b"}),
    "conversation",
)
for request in ({"input": COMPUTE, "tools": [INTERPRETER]}, {"input": USE_SHELL, "tools": [SHELL]}):
    whole(conversation=conversation.id, **request)
is_typed(Conversation, client.conversations.retrieve(conversation.id), "conversation")
is_typed(Conversation, client.conversations.update(conversation.id, metadata={"a": "c"}), "conversation")
items = client.conversations.items
added = items.create(conversation.id, items=[{"type": "message", "role": "user", "content": "More."}])
is_typed(ConversationItemList, added, "added")
page = is_typed(SyncConversationCursorPage[ConversationItem], items.list(conversation.id), "items")
for item in page:
    is_typed(ConversationItem, items.retrieve(item.id, conversation_id=conversation.id), item.type)
is_typed(Conversation, items.delete(page.data[0].id, conversation_id=conversation.id), "conversation")
is_typed(ConversationDeletedResource, client.conversations.delete(conversation.id), "deleted")
report("question, every container, file, conversation and item has its type", answered.output_text)
