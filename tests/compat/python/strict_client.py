"""openai-python's own type assertions over every object and event that the server sends."""

import pathlib
import subprocess
import sys
import tarfile

from openai import OpenAI
from openai.pagination import SyncCursorPage
from openai.types.responses import Response, ResponseItem, ResponseStreamEvent
from tasks import API_KEY, BASE_URL, CLIENT_TOOL, MODEL, QUESTION, WEATHER, report


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
TOOLS = [{"type": "function", "strict": False, **WEATHER["function"]}]


def whole(**request):
    response = client.responses.create(model=MODEL, **request)
    assert_matches_type(Response, response, path=["response"])
    return response


def events(stream):
    heard = list(stream)
    for index, event in enumerate(heard):
        assert_matches_type(ResponseStreamEvent, event, path=["event", str(index)])
        assert event.sequence_number == index
    return heard


answered = whole(input=QUESTION)
called = whole(input=CLIENT_TOOL, tools=TOOLS)
kept = client.responses.retrieve(called.id)
assert_matches_type(Response, kept, path=["response"])
page = client.responses.input_items.list(called.id)
assert_matches_type(SyncCursorPage[ResponseItem], page, path=["input_items"])
for request in ({"input": QUESTION}, {"input": CLIENT_TOOL, "tools": TOOLS}):
    events(client.responses.create(model=MODEL, stream=True, **request))
background = whole(input=QUESTION, background=True)
cancelled = client.responses.cancel(background.id)
assert_matches_type(Response, cancelled, path=["response"])
heard = events(client.responses.retrieve(background.id, stream=True))
report("question, every object and event has its type", answered.output_text)
