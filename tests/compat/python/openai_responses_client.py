import base64
import hashlib
import io
import json
import zipfile

from openai import BadRequestError, OpenAI
from tasks import (
    API_KEY,
    BASE_URL,
    CLIENT_TOOL,
    COMPUTE,
    INTERPRETER,
    MODEL,
    QUESTION,
    RECALL,
    REMEMBER,
    USE_SHELL,
    WEATHER,
    get_weather,
    report,
)

client = OpenAI(base_url=BASE_URL, api_key=API_KEY)
TOOLS = [{"type": "function", "strict": False, **WEATHER["function"]}]

report("question, create", client.responses.create(model=MODEL, input=QUESTION).output_text)

with client.responses.stream(model=MODEL, input=QUESTION) as stream:
    heard = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
    final = stream.get_final_response()
assert final.output_text == heard
report("question, .stream()", heard)

first = client.responses.create(model=MODEL, input=REMEMBER)
second = client.responses.create(model=MODEL, input=RECALL, previous_response_id=first.id)
report("memory, previous_response_id", second.output_text)

asked = client.responses.create(model=MODEL, input=CLIENT_TOOL, tools=TOOLS)
outputs = [
    {"type": "function_call_output", "call_id": item.call_id, "output": get_weather(**json.loads(item.arguments))}
    for item in asked.output
    if item.type == "function_call"
]
told = client.responses.create(model=MODEL, input=outputs, previous_response_id=asked.id, tools=TOOLS)
report("client tool, create", told.output_text)

# What a tool shows: an image that the model sees, in its place among the words.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
shown = [
    {
        **output,
        "output": [
            {"type": "input_text", "text": output["output"]},
            {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "auto"},
        ],
    }
    for output in outputs
]
seen = client.responses.create(model=MODEL, input=shown, previous_response_id=asked.id, tools=TOOLS)
assert " and shows image/png" in seen.output_text, seen.output_text

state = client.responses.create(model=MODEL, input=QUESTION, background=True)
while state.status in ("queued", "in_progress"):
    state = client.responses.retrieve(state.id)
report("question, background and retrieve", state.output_text)

with client.responses.create(model=MODEL, input=QUESTION, background=True, stream=True) as left:
    created = next(iter(left))
with client.responses.retrieve(
    created.response.id, stream=True, starting_after=created.sequence_number
) as resumed:
    report(
        "question, background, left and resumed",
        "".join(event.delta for event in resumed if event.type == "response.output_text.delta"),
    )

assert len(list(client.responses.input_items.list(second.id))) == 1
client.responses.delete(second.id)

# The hosted interpreter, as a script has it that was written for OpenAI's.
container = client.containers.create(name="analysis")
client.containers.files.create(container.id, file=("sales.csv", b"month,total\nJan,12\n"))
computed = client.responses.create(
    model=MODEL,
    input=COMPUTE,
    tools=[{"type": "code_interpreter", "container": container.id}],
    include=["code_interpreter_call.outputs"],
)
report("code interpreter, create in a container", computed.output_text)

logs = "".join(
    output.logs
    for item in computed.output
    if item.type == "code_interpreter_call"
    for output in item.outputs
    if output.type == "logs"
)
part = computed.output[-1].content[0]
cited = next(annotation for annotation in part.annotations if annotation.type == "container_file_citation")
assert part.text[cited.start_index : cited.end_index] == "sandbox:/mnt/data/sum.csv", cited
content = client.containers.files.content.retrieve(cited.file_id, container_id=cited.container_id).read()
assert hashlib.sha256(content).hexdigest() in logs, logs
assert {file.path for file in client.containers.files.list(container.id)} >= {"/mnt/data/sales.csv"}

with client.responses.stream(model=MODEL, input=COMPUTE, tools=[INTERPRETER]) as stream:
    for event in stream:
        pass
    report("code interpreter, .stream()", stream.get_final_response().output_text)

with client.responses.create(
    model=MODEL, input=COMPUTE, tools=[INTERPRETER], background=True, stream=True
) as going:
    created = next(iter(going))
with client.responses.retrieve(
    created.response.id, stream=True, starting_after=created.sequence_number
) as resumed:
    report(
        "code interpreter, background, left and resumed",
        "".join(event.delta for event in resumed if event.type == "response.output_text.delta"),
    )

# A file that is sent once, and what becomes of it where requests name it.
own = client.with_options(default_headers={"x-user-id": "ada"})
upload = own.files.create(file=("table.csv", b"a,b\n1,2\n"), purpose="user_data")
assert own.files.content(upload.id).read() == b"a,b\n1,2\n"
assert own.files.retrieve(upload.id).bytes == 8
assert upload.id in [file.id for file in own.files.list(limit=1)]
filled = {"type": "code_interpreter", "container": {"type": "auto", "file_ids": [upload.id]}}
named = [{"type": "input_text", "text": COMPUTE}, {"type": "input_file", "file_id": upload.id}]
worked = own.responses.create(model=MODEL, input=[{"role": "user", "content": named}], tools=[filled])
call = next(item for item in worked.output if item.type == "code_interpreter_call")
paths = {file.path for file in own.containers.files.list(call.container_id)}
assert "/mnt/data/table.csv" in paths, paths
assert own.files.delete(upload.id).deleted

shell = {"type": "shell", "environment": {"type": "container_auto"}}
report("shell, create", client.responses.create(model=MODEL, input=USE_SHELL, tools=[shell]).output_text)

# A call that a person must approve: with what is kept, and with the items sent again.
PUBLISH = "Publish the number, with my approval."


def decision(response):
    (request,) = [item for item in response.output if item.type == "mcp_approval_request"]
    assert (request.name, request.server_label) == ("shell", "caisson"), request
    return {"type": "mcp_approval_response", "approval_request_id": request.id, "approve": True}


waits = client.responses.create(model=MODEL, input=PUBLISH, tools=[shell])
published = client.responses.create(
    model=MODEL, input=[decision(waits)], previous_response_id=waits.id, tools=[shell]
)
report("approval, create", published.output_text)
with client.responses.stream(model=MODEL, input=PUBLISH, tools=[shell], store=False) as stream:
    for event in stream:
        pass
    unkept = stream.get_final_response()
resent = [{"role": "user", "content": PUBLISH}, *unkept.output, decision(unkept)]
with client.responses.stream(model=MODEL, input=resent, tools=[shell], store=False) as stream:
    for event in stream:
        pass
    report("approval, .stream() with resent items", stream.get_final_response().output_text)
client.containers.delete(container.id)

# A skill that is sent along with a container, and one that nobody knows.
archive = io.BytesIO()
with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
    bundle.writestr("greet/SKILL.md", "Say hello. " * 20)
data = base64.b64encode(archive.getvalue()).decode()
greet = {
    "type": "inline",
    "name": "greet",
    "description": "How to greet people.",
    "source": {"type": "base64", "media_type": "application/zip", "data": data},
}
taught = client.containers.create(name="taught", skills=[greet])
reference = {"type": "shell", "environment": {"type": "container_reference", "container_id": taught.id}}
greeted = client.responses.create(model=MODEL, input="Read your skill.", tools=[reference])
assert "Say hello. Say hello." in greeted.output_text, greeted.output_text
client.containers.delete(taught.id)
try:
    client.containers.create(name="untaught", skills=[{"type": "skill_reference", "skill_id": "skill_none"}])
    raise AssertionError("a skill that nobody knows was taken")
except BadRequestError as error:
    assert "skill_none" in str(error), error
