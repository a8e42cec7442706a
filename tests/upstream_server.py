#!/usr/bin/env python3
"""Plays llama-server, mlx_lm.server, Ollama, LM Studio and OpenAI's API, and each way to misbehave, for the tests of upstreams.

usage: upstream_server.py [CERTIFICATE KEY]
Prints "PORT n" for plain HTTP, then "TLS n" where a certificate is given. The first part of the path is the order: a client of
http://127.0.0.1:n/stall meets a server that stalls. "ok" behaves. The formats are those that the servers document.

The "model" counts: its prompt tokens are words (or token ids), its answer is " 0", " 1", ... one token each.
"""
import json
import socket
import socketserver
import ssl
import sys
import threading
import time

KEY = "sk-test"
CONTEXT = 64


class Stop(Exception):
    """The connection ends here."""


class Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        try:
            while self.one():
                pass
        except (Stop, OSError, ValueError):
            pass

    # --- HTTP by hand: misbehaviour needs every byte ---

    def one(self):
        line = self.rfile.readline(65536).decode("latin-1")
        if not line:
            return False
        self.method, target, _ = line.split()
        self.headers = {}
        while (header := self.rfile.readline(65536).decode("latin-1").strip()):
            name, _, value = header.partition(":")
            self.headers[name.lower()] = value.strip()
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.body = json.loads(body) if body else {}
        _, self.order, path = target.split("?")[0].split("/", 2)
        self.path = "/" + path
        return self.answer()

    def send(self, data):
        self.wfile.write(data if isinstance(data, bytes) else data.encode())
        self.wfile.flush()

    def whole(self, body, status=200, kind="application/json", extra=""):
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send(f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n{extra}\r\n".encode() + data)
        return True

    def start(self, kind):
        self.chunked = self.order != "http10"
        version, how = ("1.1", "Transfer-Encoding: chunked\r\n") if self.chunked else ("1.0", "")
        self.send(f"HTTP/{version} 200 OK\r\nContent-Type: {kind}; charset=utf-8\r\n{how}\r\n")

    def piece(self, text):
        data = text.encode()
        if self.chunked:
            data = b"%x\r\n%s\r\n" % (len(data), data)
        if self.order == "dribble":
            for byte in data:
                self.send(bytes([byte]))
        else:
            self.send(data)

    def close_body(self):
        if not self.chunked:
            raise Stop
        self.send("0\r\n\r\n")
        if self.order == "close_idle":  # says keep-alive and closes
            raise Stop
        return True

    # --- what is asked ---

    def answer(self):
        if self.order == "key" and self.headers.get("authorization") != f"Bearer {KEY}":
            return self.whole({"error": {"message": "Invalid API Key", "type": "authentication_error"}}, 401)
        if self.method == "GET":
            return self.facts()
        for path, play in (("/completion", self.llama), ("/v1/completions", self.openai), ("/v1/chat/completions", self.openai),
                           ("/api/generate", self.ollama), ("/api/chat", self.ollama)):
            if self.path == path:
                loads = self.path == "/api/generate" and not self.body.get("prompt")
                return self.load() if loads else self.misbehave() or play()
        return self.whole({"error": "no such endpoint"}, 404)

    def facts(self):
        context = CONTEXT // 2 if self.order == "small_context" else CONTEXT
        pages = {
            "/props": {"default_generation_settings": {"n_ctx": context}, "total_slots": 4, "build_info": "b1-fake", "model_path": "/m.gguf"},
            "/v1/models": {"object": "list", "data": [{"id": "fake", "meta": {"n_vocab": 1000}}]},
            "/api/version": {"version": "0.99"},
            "/api/tags": {"models": [{"name": "fake:latest"}, {"name": "other:1b"}]},
            "/api/ps": {"models": [{"name": "fake:latest", "context_length": context, "digest": "abc"}]},
            "/api/v1/models": {"models": [{"key": "fake", "loaded_instances": [{"id": "fake", "config": {"context_length": context}}]},
                                          {"key": "idle", "loaded_instances": []}]},
            "/api/v0/models": {"data": [{"id": "fake", "state": "loaded", "loaded_context_length": context}, {"id": "idle", "state": "not-loaded"}]},
            "/health": {"status": "ok"},
        }
        if self.order == "v0" and self.path == "/api/v1/models":
            return self.whole({"error": "Unexpected endpoint"}, 404)
        if self.order == "no_cache" and self.path == "/v1/models":
            return self.whole("")
        if self.order == "untold" and "/models" in self.path:
            pages["/api/v1/models"]["models"][0]["loaded_instances"][0]["config"] = {}
        if self.order == "facts_html":
            return self.whole("<html>login</html>", kind="text/html")
        if self.order == "facts_huge":
            self.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n")
            while True:
                self.send(b" " * 65536)
        if self.order == "facts_500":
            return self.whole({"error": "boom"}, 500)
        return self.whole(pages[self.path]) if self.path in pages else self.whole({"error": "not found"}, 404)

    def misbehave(self):
        """Orders that do not depend on the server that is played."""
        order = self.order
        if order == "redirect":
            return self.whole("", 307, extra="Location: http://198.51.100.1/steal\r\n")
        if order == "html":
            return self.whole("<html>It works</html>", kind="text/html")
        if order == "status500":
            return self.whole({"error": {"message": "CUDA error: out of memory"}}, 500)
        if order == "status503":
            return self.whole({"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, 503)
        if order == "over_context":
            return self.whole({"error": {"code": 400, "message": "too long", "type": "exceed_context_size_error",
                                         "n_prompt_tokens": 99, "n_ctx": CONTEXT}}, 400)
        if order == "silent":
            time.sleep(30)
            raise Stop
        if order == "hang_up":
            raise Stop
        if order == "not_http":
            self.send("SSH-2.0-OpenSSH_9.2\r\n")
            raise Stop
        if order == "big_headers":
            self.send("HTTP/1.1 200 OK\r\n" + "".join(f"X-{i}: {'a' * 1000}\r\n" for i in range(200)) + "\r\n")
            raise Stop
        return False

    # --- the servers ---

    def prompt_tokens(self):
        prompt = self.body.get("prompt")
        if prompt is None:
            prompt = " ".join(m["content"] for m in self.body["messages"])
        count = len(prompt) if isinstance(prompt, list) else len(prompt.split())
        return count // 2 - 1 if self.order == "cut_prompt" else count

    def words(self, count):
        """The answer, token by token, with what goes wrong in the middle of a stream."""
        for i in range(count):
            if i == 2:
                if self.order == "stall":
                    time.sleep(30)
                if self.order == "early_close":
                    raise Stop
                if self.order == "slow":
                    time.sleep(0.3)
            yield f" {i}"

    def spoil(self, line):
        """What comes instead of the third message; None: as it should be."""
        return {"malformed": '{"choices": [', "long_line": "x" * (5 << 20), "error_in_stream": '{"error":{"message":"GPU lost"}}',
                "wrong_shape": '{"choices":"no","content":7,"done":"no"}'}.get(self.order) or line

    def llama(self):
        count = self.body["n_predict"]
        eos = self.order == "eos"
        self.start("text/event-stream")
        sent = 0
        for i, word in enumerate(self.words(count)):
            sent = i
            if (self.order == "half_character" and i == 1) or (self.order == "half_at_end" and i == count - 1):
                continue  # counted, but not sent: its character is not whole
            part = {"content": word, "tokens": [100 + i], "stop": False, "tokens_predicted": i + 1}
            if eos and i == 2:
                part = {"content": "", "tokens": [2], "stop": False, "tokens_predicted": 3}
            self.piece("data: " + self.spoil(json.dumps(part)) + "\n\n" if i == 2 else f"data: {json.dumps(part)}\n\n")
            if eos and i == 2:
                break
        if self.order != "no_end":
            end = {"content": "", "tokens": [], "stop": True, "stop_type": "eos" if eos else "limit", "truncated": False, "tokens_predicted": sent + 1,
                   "tokens_evaluated": self.prompt_tokens(), "timings": {"cache_n": 1}}
            self.piece(f"data: {json.dumps(end)}\n\n")
        return self.close_body()

    def openai(self):
        chat = "messages" in self.body
        count = self.body["max_tokens"]

        def event(text, reason=None):
            choice = {"index": 0, "finish_reason": reason}
            choice.update({"delta": {"content": text}} if chat else {"text": text})
            return json.dumps({"choices": [choice]})

        self.start("text/event-stream")
        self.piece(": keepalive 1/2\n\n")
        if chat:
            self.piece('data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n')
        words = list(self.words(count)) if self.order == "two_per_chunk" else None
        texts = ["".join(words[i:i + 2]) for i in range(0, count, 2)] if words else self.words(count)
        for i, text in enumerate(texts):
            self.piece(f"data: {self.spoil(event(text)) if i == 2 else event(text)}\n\n")
        if self.order != "no_end":
            self.piece(f"data: {event('', 'length')}\n\n")
            if self.order != "no_usage":
                usage = {"prompt_tokens": self.prompt_tokens(), "completion_tokens": count, "prompt_tokens_details": {"cached_tokens": 1}}
                self.piece(f"data: {json.dumps({'choices': [], 'usage': usage})}\n\n")
            self.piece("data: [DONE]\n\n")
        return self.close_body()

    def load(self):
        return self.whole({"model": self.body["model"], "response": "", "done": True, "done_reason": "load"})

    def ollama(self):
        options = self.body["options"]
        assert self.body["truncate"] is False and self.body["shift"] is False
        if self.prompt_tokens() + 1 > options["num_ctx"]:
            return self.whole({"error": "the prompt is longer than the context length currently available to the model"}, 400)
        chat = "messages" in self.body
        self.start("application/x-ndjson")
        for i, word in enumerate(self.words(options["num_predict"])):
            line = json.dumps({"model": "fake", "done": False, **({"message": {"role": "assistant", "content": word}} if chat else {"response": word})})
            self.piece((self.spoil(line) if i == 2 else line) + "\n")
        if self.order != "no_end":
            self.piece(json.dumps({"model": "fake", "response": "", "done": True, "done_reason": "length",
                                   "prompt_eval_count": self.prompt_tokens(), "eval_count": options["num_predict"]}) + "\n")
        return self.close_body()


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, certificate=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.tls = None
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*certificate)

    def finish_request(self, request, client_address):
        if self.tls:
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except (ssl.SSLError, OSError):
                return
        try:
            super().finish_request(request, client_address)
        finally:
            if self.tls:
                try:
                    request.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                request.close()


if __name__ == "__main__":
    plain = Server()
    print("PORT", plain.server_address[1], flush=True)
    if len(sys.argv) == 3:
        secure = Server(sys.argv[1:3])
        threading.Thread(target=secure.serve_forever, daemon=True).start()
        print("TLS", secure.server_address[1], flush=True)
    plain.serve_forever()
