// A session of imapflow: node imapflow.mjs PORT USER PASSWORD CA-FILE SECOND-PORT. Prints all that it was told, as JSON.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { ImapFlow } from "imapflow";

const [port, user, pass, caFile, secondPort] = process.argv.slice(2);
const heard = [];
const auth = { user, pass };
const client = new ImapFlow({
    host: "localhost", port: Number(port), secure: true, auth, logger: false, tls: { ca: readFileSync(caFile) },
});
const digest = (octets) => createHash("sha256").update(octets).digest("hex");
const letter = (subject) => `From: a@x.example\r\nSubject: ${subject}\r\n\r\nselbst\r\n`;

await client.connect();
heard.push((await client.list()).map((box) => [box.path, box.specialUse, [...box.flags].sort()]));
heard.push((await client.mailboxCreate(["Projekte", "Köln & Bonn"])).path);
const lock = await client.getMailboxLock("INBOX");
const { uidValidity, ...box } = client.mailbox;
heard.push([box.path, box.exists, box.uidNext, [...box.flags].sort(), [...box.permanentFlags].sort()]);
const wanted = { uid: true, flags: true, envelope: true, bodyStructure: true, size: true, source: true };
for await (const each of client.fetch("1:*", wanted)) {
    heard.push([each.uid, [...each.flags].sort(), each.envelope, each.bodyStructure, each.size, digest(each.source)]);
}
heard.push(await client.search({ subject: "Rechnung" }), await client.search({ seen: false, larger: 10 }, { uid: true }));
const { content, meta } = await client.download("2", "1");
const parts = [];
for await (const part of content) parts.push(part);
heard.push([meta.contentType, digest(Buffer.concat(parts))]);
const { path, uid, seq } = await client.append("INBOX", letter("hier"), ["\\Seen"]);
heard.push([path, uid, seq]);
heard.push(await client.messageFlagsAdd("1:2", ["\\Flagged"]), await client.messageFlagsRemove("2", ["\\Seen"]));
heard.push([...(await client.messageCopy("3", "Archive")).uidMap], [...(await client.messageMove("4", "Projekte/Köln & Bonn")).uidMap]);
// A message comes while it waits.
const exists = new Promise((done) => client.once("exists", done));
const idling = client.idle();
const second = new ImapFlow({ host: "localhost", port: Number(secondPort), secure: false, doSTARTTLS: false, auth, logger: false });
await second.connect();
await second.append("INBOX", letter("von dort"), []);
await second.logout();
heard.push((await exists).count);
heard.push(await client.messageDelete("1"), await client.search({ all: true }, { uid: true }));
heard.push((await client.status("Archive", { messages: true, unseen: true, uidNext: true })).messages);
lock.release();
heard.push(await client.mailboxRename("Projekte/Köln & Bonn", "Ablage").then((done) => done.newPath));
heard.push(await client.mailboxDelete("Ablage").then((done) => done.path));
await client.logout();
await idling;
console.log(JSON.stringify(heard));
