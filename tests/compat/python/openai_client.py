import json

from openai import OpenAI
from tasks import API_KEY, BASE_URL, CLIENT_TOOL, MODEL, THREE_TOOLS, WEATHER, get_weather, report

client = OpenAI(base_url=BASE_URL, api_key=API_KEY)


def ask(text, user):
    return {"model": MODEL, "user": user, "messages": [{"role": "user", "content": text}]}


whole = client.chat.completions.create(**ask(THREE_TOOLS, "create"))
report("three tools, create", whole.choices[0].message.content)

streamed = ""
for chunk in client.chat.completions.create(**ask(THREE_TOOLS, "iterate"), stream=True):
    streamed += chunk.choices[0].delta.content or ""
report("three tools, stream", streamed)

with client.chat.completions.stream(
    **ask(THREE_TOOLS, "helper"), stream_options={"include_usage": True}
) as stream:
    for _ in stream:
        pass
    final = stream.get_final_completion()
report("three tools, .stream()", final.choices[0].message.content)

messages = [{"role": "user", "content": CLIENT_TOOL}]
first = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
message = first.choices[0].message
messages.append(message.model_dump(exclude_none=True))
for call in message.tool_calls:
    result = get_weather(**json.loads(call.function.arguments))
    messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
second = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
report("client tool, create", second.choices[0].message.content)
