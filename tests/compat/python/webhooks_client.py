import os
import queue
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from openai import OpenAI
from tasks import API_KEY, BASE_URL, MODEL, QUESTION, report

# The client takes the secret from OPENAI_WEBHOOK_SECRET.
client = OpenAI(base_url=BASE_URL, api_key=API_KEY)
heard = queue.Queue()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        try:
            heard.put(client.webhooks.unwrap(body, dict(self.headers)))
            self.send_response(200)
        except Exception as error:
            heard.put(error)
            self.send_response(400)
        self.end_headers()

    def log_message(self, *args):
        pass


server = HTTPServer(("127.0.0.1", int(os.environ["WEBHOOK_PORT"])), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
background = client.responses.create(model=MODEL, input=QUESTION, background=True)
# The server is everybody's: it also tells, again and again, how responses of earlier clients ended.
event = heard.get(timeout=240)
while not isinstance(event, Exception) and event.data.id != background.id:
    event = heard.get(timeout=240)
assert event.type == "response.completed", event
report("question, webhooks.unwrap", client.responses.retrieve(event.data.id).output_text)
