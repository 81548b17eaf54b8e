from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from tasks import API_KEY, BASE_URL, CLIENT_TOOL, MODEL, THREE_TOOLS, get_weather, report

llm = OpenAILike(
    model=MODEL, api_base=BASE_URL, api_key=API_KEY, is_chat_model=True, is_function_calling_model=True
)
question = [ChatMessage(role="user", content=THREE_TOOLS)]
report("three tools, chat", llm.chat(question).message.content)
report("three tools, stream_chat", "".join(piece.delta or "" for piece in llm.stream_chat(question)))

answer = llm.predict_and_call([FunctionTool.from_defaults(get_weather)], CLIENT_TOOL)
weather = str(answer.response)
history = [ChatMessage(role="user", content=CLIENT_TOOL)]
response = llm.chat_with_tools([FunctionTool.from_defaults(get_weather)], chat_history=history)
history.append(response.message)
for call in llm.get_tool_calls_from_response(response):
    history.append(
        ChatMessage(role="tool", content=weather, additional_kwargs={"tool_call_id": call.tool_id})
    )
final = llm.chat_with_tools([FunctionTool.from_defaults(get_weather)], chat_history=history)
report("client tool, chat_with_tools", final.message.content)
