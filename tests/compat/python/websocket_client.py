import json

from openai import OpenAI
from openai.lib.responses_websocket import ResponsesWebSocketLimits, ResponsesWebSocketSession
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
    WEATHER,
    get_weather,
    report,
)

client = OpenAI(base_url=BASE_URL, api_key=API_KEY)
TOOLS = [{"type": "function", "strict": False, **WEATHER["function"]}]

with client.responses.connect() as connection:

    def turn(**asked):
        connection.send({"type": "response.create", "model": MODEL, **asked})
        heard = ""
        for event in connection:
            if event.type == "response.output_text.delta":
                heard += event.delta
            if event.type == "response.completed":
                return event.response, heard
            assert event.type not in ("error", "response.failed"), event

    report("question, connect()", turn(input=QUESTION)[1])
    first, _ = turn(input=REMEMBER, store=False)
    report("memory, connect(), not stored", turn(input=RECALL, store=False, previous_response_id=first.id)[1])
    asked, _ = turn(input=CLIENT_TOOL, store=False, tools=TOOLS)
    outputs = [
        {"type": "function_call_output", "call_id": item.call_id, "output": get_weather(**json.loads(item.arguments))}
        for item in asked.output
        if item.type == "function_call"
    ]
    told = turn(input=outputs, store=False, previous_response_id=asked.id, tools=TOOLS)
    report("client tool, connect(), not stored", told[1])
    report("code interpreter, connect()", turn(input=COMPUTE, tools=[INTERPRETER])[1])

limits = ResponsesWebSocketLimits(
    max_lanes=4,
    max_events_per_lane=10_000,
    max_events=10_000,
    max_bytes_per_lane=10_000_000,
    max_bytes=10_000_000,
    max_response_bytes=None,
)
with client.responses.connect() as connection, ResponsesWebSocketSession(connection, limits=limits) as session:
    lane = session.lane("conversation")
    lane.send({"type": "response.create", "model": MODEL, "input": QUESTION})
    report("question, ResponsesWebSocketSession", lane.get_final_response().output_text)
