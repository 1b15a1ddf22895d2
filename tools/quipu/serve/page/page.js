// The page asks the same endpoints as any other client, and keeps nothing when it is closed.
"use strict";

const $ = (id) => document.getElementById(id);
let messages = [];
let running = null;

function headers() {
  const fields = { "Content-Type": "application/json" };
  if ($("key").value) fields.Authorization = "Bearer " + $("key").value;
  return fields;
}

async function problemOf(response) {
  try {
    return (await response.json()).error.message;
  } catch {
    return "the server answered with status " + response.status;
  }
}

function showProblem(text) {
  $("problem").textContent = text;
  $("problem").hidden = !text;
}

function addMessage(role, text) {
  const item = document.createElement("li");
  item.className = role;
  const body = document.createElement("span");
  body.textContent = text;
  const note = document.createElement("span");
  note.className = "note";
  item.append(body, note);
  $("messages").append(item);
  item.scrollIntoView({ block: "end" });
  return { item, body, note };
}

// Gives the data of each event of a stream, up to [DONE].
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    for (let end; (end = rest.indexOf("\n\n")) >= 0; rest = rest.slice(end + 2)) {
      const data = rest.slice(0, end).replace(/^data: /, "");
      if (data === "[DONE]") return;
      const event = JSON.parse(data);
      if (event.error) throw new Error(event.error.message);
      yield event;
    }
  }
}

function request(text) {
  const shared = {
    stream: true, stream_options: { include_usage: true },
    temperature: Number($("temperature").value), max_tokens: Number($("length").value),
  };
  if ($("mode").value === "text") return ["v1/completions", { ...shared, prompt: text }];
  const system = $("system").value ? [{ role: "system", content: $("system").value }] : [];
  return ["v1/chat/completions", { ...shared, messages: [...system, ...messages] }];
}

async function send(text) {
  showProblem("");
  const isChat = $("mode").value === "chat";
  messages.push({ role: "user", content: text });
  addMessage("user", text);
  const shown = addMessage("assistant", "");
  const [path, body] = request(text);
  running = new AbortController();
  $("send").disabled = true;
  $("stop").disabled = false;
  let answer = "";
  try {
    const response = await fetch(path, { method: "POST", headers: headers(), body: JSON.stringify(body),
                                         signal: running.signal });
    if (!response.ok) throw new Error(await problemOf(response));
    showSlots();  // A short answer could end before the table is read again.
    for await (const event of events(response)) {
      for (const choice of event.choices) {
        answer += (isChat ? choice.delta.content : choice.text) || "";
        if (choice.finish_reason) shown.item.dataset.finished = choice.finish_reason;
      }
      shown.body.textContent = answer;
      if (event.usage)
        shown.note.textContent = `${event.usage.prompt_tokens} + ${event.usage.completion_tokens} tokens`;
    }
    messages.push({ role: "assistant", content: answer });
  } catch (error) {
    if (error.name === "AbortError") {
      shown.item.dataset.finished = "stopped";
      shown.note.textContent = "stopped";
      messages.push({ role: "assistant", content: answer });
    } else {
      // The message can be sent again.
      messages.pop();
      shown.item.remove();
      showProblem(error.message);
    }
  } finally {
    running = null;
    $("send").disabled = false;
    $("stop").disabled = true;
  }
}

function cell(text) {
  const item = document.createElement("td");
  item.textContent = text;
  return item;
}

async function showSlots() {
  try {
    const response = await fetch("slots", { headers: headers() });
    if (!response.ok) throw new Error(await problemOf(response));
    const status = await response.json();
    $("state").textContent = status.state;
    $("summary").textContent = `${status.running} of ${status.max_running} run, ${status.waiting} wait; ` +
      `${status.cache.used} of ${status.cache.pages} pages are used, ${status.cache.kept} kept`;
    $("slots").replaceChildren(...status.slots.map((slot) => {
      const row = document.createElement("tr");
      row.append(cell(slot.request + (slot.sample ? "." + slot.sample : "")), cell(slot.state),
                 cell(slot.computed_tokens < slot.prompt_tokens ? `${slot.computed_tokens}/${slot.prompt_tokens}`
                                                                : slot.prompt_tokens),
                 cell(slot.new_tokens), cell(slot.seconds.toFixed(1)));
      return row;
    }));
  } catch (error) {
    $("state").textContent = error instanceof TypeError ? "the server does not answer" : error.message;
  }
}

async function showModel() {
  const response = await fetch("v1/models", { headers: headers() });
  if (!response.ok) return;
  const model = (await response.json()).data[0];
  $("model").textContent = `${model.id}, ${model.max_model_len} tokens of context`;
  // Without a template the model only continues texts.
  const info = await (await fetch("tokenizer_info", { headers: headers() })).json();
  if (!info.chat_format) $("mode").value = "text";
  document.documentElement.dataset.model = "yes";
}

$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value;
  if (running || !text) return;
  $("text").value = "";
  send(text);
});
$("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    $("ask").requestSubmit();
  }
});
$("stop").addEventListener("click", () => running?.abort());
$("clear").addEventListener("click", () => {
  running?.abort();
  messages = [];
  $("messages").replaceChildren();
  showProblem("");
});
$("key").addEventListener("change", showModel);
showModel();
showSlots();
setInterval(showSlots, 1000);
document.documentElement.dataset.ready = "yes";
