// The functions that a page of Chatroulette is made of. Nothing here is for the tests alone but
// what is at the end: the tests call the functions, click and look at the page.

const params = new URLSearchParams(location.hash.slice(1));
const token = params.get("token");
const userId = params.get("user");

const STATUS_ICONS = { sent: "✓", delivered: "✓✓", read: "👁", edited: "✏️", deleted: "🗑" };

async function request(messageId, path, method, body) {
  const response = await fetch(`/api/v1/messages/${messageId}/${path}`, {
    method,
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const data = await response.json();
  if (!response.ok) {
    throw new Error(`${response.status} ${data.code}: ${data.detail}`);
  }
  return data;
}

// --- what is done ---------------------------------------------------------------------------

async function markAsRead(messageId) {
  const data = await request(messageId, "read", "PUT");
  updateMessageStatus(data);
  return data;
}

async function editMessage(messageId, newContent) {
  const data = await request(messageId, "edit", "PUT", { content: newContent });
  updateMessageContent(data);
  return data;
}

async function likeMessage(messageId) {
  const data = await request(messageId, "like", "POST");
  updateMessageLikes(data);
  return data;
}

async function unlikeMessage(messageId) {
  const data = await request(messageId, "like", "DELETE");
  updateMessageLikes(data);
  return data;
}

async function toggleLike(messageId, isLiked) {
  return isLiked ? unlikeMessage(messageId) : likeMessage(messageId);
}

// --- what is shown --------------------------------------------------------------------------

function displayMessageStatus(message) {
  const text = message.status_text ?? message.status;
  return `${STATUS_ICONS[message.status]} ${text}`;
}

function displayMessageLikes(message) {
  const heart = message.liked_by.includes(userId) ? "❤️" : "🤍";
  return `${heart} ${message.likes_count}`;
}

function elementOf(messageId) {
  return document.querySelector(`[data-message-id="${messageId}"]`);
}

function updateMessageStatus(payload) {
  const element = elementOf(payload.message_id);
  if (!element) return;
  element.dataset.status = payload.status;
  element.querySelector(".status").textContent = displayMessageStatus(payload);
  if (payload.read_at) {
    const at = new Date(payload.read_at).toISOString();
    element.querySelector(".status").title = `${at}: ${payload.read_by.join(", ")}`;
  }
}

function updateMessageContent(payload) {
  const element = elementOf(payload.id);
  if (!element) return;
  element.querySelector(".content").textContent = payload.content;
  const badge = element.querySelector(".edited-badge");
  badge.hidden = !payload.is_edited;
  badge.textContent = payload.is_edited ? `(edited ${new Date(payload.edited_at).toISOString()})` : "";
  updateMessageStatus({ message_id: payload.id, status: payload.status });
}

function updateMessageLikes(payload) {
  const element = elementOf(payload.message_id);
  if (!element) return;
  const button = element.querySelector(".like");
  button.dataset.liked = payload.liked_by.includes(userId);
  button.textContent = displayMessageLikes(payload);
}

function removeMessage(payload) {
  const element = elementOf(payload.message_id);
  if (!element) return;
  element.querySelector(".content").textContent = "";
  updateMessageStatus(payload);
}

function addMessage(message) {
  if (elementOf(message.id)) return;
  const element = document.getElementById("message").content.cloneNode(true).firstElementChild;
  element.dataset.messageId = message.id;
  document.getElementById("messages").append(element);
  updateMessageContent(message);
  updateMessageLikes({ message_id: message.id, likes_count: 0, liked_by: [] });
  element.querySelector(".like").addEventListener("click", (event) =>
    toggleLike(message.id, event.currentTarget.dataset.liked === "true"),
  );
}

function showTyping(chatId, payload) {
  document.getElementById("typing").textContent = payload.is_typing ? payload.user_id : "";
}

// --- the socket -----------------------------------------------------------------------------

const scheme = location.protocol === "https:" ? "wss" : "ws";
const ws = new WebSocket(`${scheme}://${location.host}/ws?token=${token}`);

ws.onopen = () => ws.send(JSON.stringify({ type: "ping", payload: {}, request_id: "open" }));
ws.onclose = (event) => (document.getElementById("socket").textContent = `closed ${event.code}`);
ws.onmessage = (event) => {
  const data = JSON.parse(event.data);
  switch (data.type) {
    case "new_message":
      addMessage(data.payload);
      break;
    case "message_status_update":
      updateMessageStatus(data.payload);
      break;
    case "message_edited":
      updateMessageContent(data.payload);
      break;
    case "message_deleted":
      removeMessage(data.payload);
      break;
    case "message_liked":
    case "message_unliked":
      updateMessageLikes(data.payload);
      break;
    case "typing":
      showTyping(data.chat_id, data.payload);
      break;
    case "ack":
      if (data.request_id === "open") document.getElementById("socket").textContent = "open";
      break;
    case "error":
      document.getElementById("socket").textContent = data.payload.detail;
      break;
  }
};

function sendMessage(chatId, content) {
  ws.send(JSON.stringify({ type: "message.send", chat_id: chatId, payload: { content } }));
}

function sendTyping(chatId, isTyping) {
  ws.send(JSON.stringify({ type: "typing", chat_id: chatId, payload: { is_typing: isTyping } }));
}

// --- for who looks at the page --------------------------------------------------------------

// All that a message shows, and what was refused where nobody caught it.
function seen(messageId) {
  const element = elementOf(messageId);
  if (!element) return null;
  const text = (name) => element.querySelector(name).textContent;
  const badge = element.querySelector(".edited-badge");
  return {
    content: text(".content"),
    status: text(".status"),
    title: element.querySelector(".status").title,
    badge: badge.hidden ? null : badge.textContent,
    likes: text(".like"),
  };
}
