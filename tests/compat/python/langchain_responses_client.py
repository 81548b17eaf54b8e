from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
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
    get_weather,
    report,
)

chat = ChatOpenAI(model=MODEL, base_url=BASE_URL, api_key=API_KEY, use_responses_api=True)
report("question, invoke", chat.invoke(QUESTION).text)
report("question, stream", "".join(chunk.text for chunk in chat.stream(QUESTION)))

going_on = ChatOpenAI(
    model=MODEL, base_url=BASE_URL, api_key=API_KEY, use_responses_api=True, use_previous_response_id=True
)
said = HumanMessage(REMEMBER)
report("memory, use_previous_response_id", going_on.invoke([said, going_on.invoke([said]), HumanMessage(RECALL)]).text)

bound = chat.bind_tools([tool(get_weather)])
question = HumanMessage(CLIENT_TOOL)
called = bound.invoke([question])
answers = [ToolMessage(get_weather(**call["args"]), tool_call_id=call["id"]) for call in called.tool_calls]
report("client tool, bind_tools", bound.invoke([question, called, *answers]).text)

interpreting = chat.bind_tools([INTERPRETER])
task = HumanMessage(COMPUTE)
computed = interpreting.invoke([task])
report("code interpreter, bind_tools", computed.text)
report("code interpreter, stream", "".join(chunk.text for chunk in interpreting.stream([task])))
report("code interpreter, resent messages", interpreting.invoke([task, computed, task]).text)
