// A browser phone without the browser: JsSIP over a WebSocket of node. Its audio is described and
// never sent. Orders come line by line, and what happens is told in the same way.
const fs = require('fs');
const readline = require('readline');
const { createRequire } = require('module');
const [folder, url, account, domain, password, ip] = process.argv.slice(2);
const load = createRequire(`${folder}/`);
const NodeSocket = load('ws');

globalThis.window = globalThis;
globalThis.WebSocket = class extends NodeSocket {
  constructor(address, protocols) {
    const tls = { ca: fs.readFileSync(`${folder}/root.crt`), checkServerIdentity: () => undefined };
    super(address, protocols, { origin: `https://${domain}:8443`, ...tls });
  }
};
globalThis.RTCSessionDescription = class {
  constructor(description) { Object.assign(this, description); }
};
globalThis.RTCPeerConnection = class extends EventTarget {
  iceGatheringState = 'complete';
  iceConnectionState = 'connected';
  signalingState = 'stable';
  version = 0;
  async createOffer() { return { type: 'offer', sdp: this.described() }; }
  async createAnswer() { return { type: 'answer', sdp: this.described() }; }
  async setLocalDescription(description) { this.localDescription = description; }
  async setRemoteDescription(description) { this.remoteDescription = description; }
  getSenders() { return []; }
  addTrack() {}
  close() { this.signalingState = 'closed'; }
  described() {
    this.version += 1;
    return `v=0\r\no=browser 1 ${this.version} IN IP4 ${ip}\r\ns=-\r\nc=IN IP4 ${ip}\r\nt=0 0\r\n` +
      'm=audio 40000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n';
  }
};
const silence = { getTracks: () => [], getAudioTracks: () => [], getVideoTracks: () => [] };

const JsSIP = load('jssip');
const say = (...words) => console.log(words.join(' '));
const socket = new JsSIP.WebSocketInterface(url);
const phone = new JsSIP.UA({
  sockets: [socket],
  uri: `sip:${account}@${domain}`,
  password,
  register_expires: 120,
  connection_recovery_min_interval: 1,
});
let call;
phone.on('registered', () => say('registered'));
phone.on('registrationFailed', (event) => say('not registered:', event.cause));
phone.on('disconnected', () => say('disconnected'));
phone.on('newRTCSession', ({ originator, session }) => {
  call = session;
  session.on('confirmed', () => say(originator, 'call talks'));
  session.on('ended', (event) => say(originator, 'call ended by', event.originator));
  session.on('failed', (event) => say(originator, 'call failed:', event.cause));
  if (originator === 'remote') session.answer({ mediaStream: silence });
});
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const [order, whom] = line.split(' ');
  if (order === 'call') phone.call(`sip:${whom}@${domain}`, { mediaStream: silence });
  if (order === 'hangup') call.terminate();
  if (order === 'drop') socket._ws.terminate();
}).on('close', () => process.exit(0));
phone.start();
