from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from tasks import API_KEY, BASE_URL, CLIENT_TOOL, MODEL, THREE_TOOLS, get_weather, report

chat = ChatOpenAI(model=MODEL, base_url=BASE_URL, api_key=API_KEY)
report("three tools, invoke", chat.invoke(THREE_TOOLS).text)
report("three tools, stream", "".join(chunk.text for chunk in chat.stream(THREE_TOOLS)))

bound = chat.bind_tools([tool(get_weather)])
question = HumanMessage(CLIENT_TOOL)
called = bound.invoke([question])
answers = [ToolMessage(get_weather(**call["args"]), tool_call_id=call["id"]) for call in called.tool_calls]
report("client tool, bind_tools", bound.invoke([question, called, *answers]).text)
