// A browser phone in a browser: JsSIP on a page of Chromium, ordered over its debugging socket.
// Orders come line by line, and what happens is told in the same way, as in browser.cjs.
const fs = require('fs');
const path = require('path');
const readline = require('readline');
const { spawn } = require('child_process');
const { createRequire } = require('module');
const [folder, url, account, domain, password, hertz] = process.argv.slice(2);
const load = createRequire(`${folder}/`);
const NodeSocket = load('ws');
const esbuild = load('esbuild');

const say = (...words) => console.log(words.join(' '));
const page = `https://${domain}:8443/`;

// What runs on the page. It says by console.log, as the script around it does.
function phone(JsSIP, url, account, domain, password, hertz) {
  const say = (...words) => console.log(words.join(' '));
  const context = new AudioContext();
  const tone = context.createOscillator();
  const microphone = context.createMediaStreamDestination();
  tone.frequency.value = hertz;
  tone.connect(microphone);
  tone.start();
  const ear = context.createAnalyser();
  ear.fftSize = 4096;
  let call;
  const talk = { mediaStream: microphone.stream, pcConfig: { iceServers: [] } };
  const listen = (connection) => connection.addEventListener('track', ({ track }) => {
    const stream = new MediaStream([track]);
    const player = new Audio();
    player.srcObject = stream;
    player.muted = true;
    player.play();
    context.createMediaStreamSource(stream).connect(ear);
  });
  const socket = new JsSIP.WebSocketInterface(url);
  const ua = new JsSIP.UA({
    sockets: [socket],
    uri: `sip:${account}@${domain}`,
    password,
    register_expires: 120,
    connection_recovery_min_interval: 1,
  });
  ua.on('registered', () => say('registered'));
  ua.on('registrationFailed', (event) => say('not registered:', event.cause));
  ua.on('disconnected', (event) => say('disconnected', event.code, event.reason));
  ua.on('newRTCSession', ({ originator, session }) => {
    call = session;
    if (session.connection) listen(session.connection);
    session.on('peerconnection', ({ peerconnection }) => listen(peerconnection));
    session.on('confirmed', () => say(originator, 'call talks'));
    session.on('hold', (event) => say('held by', event.originator));
    session.on('unhold', (event) => say('resumed by', event.originator));
    session.on('ended', (event) => say(originator, 'call ended by', event.originator));
    session.on('failed', (event) => say(originator, 'call failed:', event.cause));
    session.on('getusermediafailed', (error) => say('no microphone', error));
    session.on('peerconnection:setremotedescriptionfailed', (error) => say('not taken', error));
    if (originator === 'remote') session.answer(talk);
  });
  say('page of', location.origin);
  ua.start();
  // The loudest frequency that is heard, in hertz; 0 for silence.
  const heard = () => {
    const bins = new Float32Array(ear.frequencyBinCount);
    ear.getFloatFrequencyData(bins);
    const loudest = bins.indexOf(Math.max(...bins));
    return bins[loudest] < -60 ? 0 : loudest * context.sampleRate / ear.fftSize;
  };
  const facts = async () => {
    const stats = await call.connection.getStats();
    const all = [...stats.values()];
    const transport = all.find((it) => it.type === 'transport') ?? {};
    const inbound = all.find((it) => it.type === 'inbound-rtp') ?? {};
    const codec = stats.get(inbound.codecId) ?? {};
    return { codec: codec.mimeType, dtls: transport.tlsVersion, srtp: transport.srtpCipher,
      ice: transport.iceState, fragment: transport.iceLocalUsernameFragment,
      packets: inbound.packetsReceived, lost: inbound.packetsLost };
  };
  window.order = async (order, what) => {
    if (order === 'call') ua.call(`sip:${what}@${domain}`, talk);
    if (order === 'hangup') call.terminate();
    if (order === 'hold') call.hold();
    if (order === 'unhold') call.unhold();
    if (order === 'key') call.sendDTMF(what, { transportType: 'RFC2833' });
    if (order === 'restart') call.renegotiate({ rtcOfferConstraints: { iceRestart: true } },
      () => say('restarted'));
    if (order === 'hears') {
      const difference = Math.abs(heard() - Number(what));
      say(difference < 20 ? `hears ${what}` : `does not hear ${what}`);
    }
    if (order === 'heard') say('heard', Math.round(heard()));
    if (order === 'facts') say('facts', JSON.stringify(await facts()));
    if (order === 'drop') socket._ws.close();
  };
}

const bundle = esbuild.buildSync({
  stdin: { contents: "globalThis.JsSIP = require('jssip');", resolveDir: folder },
  bundle: true, write: false, format: 'iife', platform: 'browser', define: { global: 'globalThis' },
}).outputFiles[0].text;

const profile = path.join(folder, `chromium-${account}`);
const chromium = spawn('chromium', [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required', '--ignore-certificate-errors',
  '--allow-loopback-in-peer-connection', '--no-proxy-server',
  // The page comes from nowhere, and the box is on loopback.
  '--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets',
  `--user-data-dir=${profile}`,
  '--remote-debugging-port=0', 'about:blank',
], { stdio: ['ignore', 'ignore', 'pipe'] });
process.on('exit', () => chromium.kill('SIGKILL'));
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => process.exit(1));
chromium.on('exit', () => process.exit(1));

const browser = new Promise((found) => {
  let said = '';
  chromium.stderr.on('data', (bytes) => {
    said += bytes;
    const match = said.match(/DevTools listening on (ws:\S+)/);
    if (match) found(match[1]);
  });
});

async function main() {
  const socket = new NodeSocket(await browser, { perMessageDeflate: false });
  await new Promise((open) => socket.on('open', open));
  const waiting = new Map();
  let number = 0;
  let session;
  const ask = (method, params = {}, sessionId = session) => new Promise((done, fail) => {
    number += 1;
    waiting.set(number, { done, fail });
    socket.send(JSON.stringify({ id: number, method, params, sessionId }));
  });
  socket.on('message', (bytes) => {
    const { id, result, error, method, params } = JSON.parse(bytes);
    if (id && error) waiting.get(id).fail(new Error(JSON.stringify(error)));
    if (id && result) waiting.get(id).done(result);
    if (method === 'Runtime.consoleAPICalled' && params.type === 'log') {
      say(...params.args.map((arg) => arg.value));
    }
    if (method === 'Log.entryAdded') say('log:', params.entry.text);
    if (method === 'Fetch.requestPaused') {
      // No server is behind the page: the browser is given an empty one of the right origin.
      ask('Fetch.fulfillRequest', {
        requestId: params.requestId, responseCode: 200,
        body: Buffer.from('<!doctype html><title>phone</title>').toString('base64'),
      }).catch(() => {});
    }
  });
  socket.on('close', () => process.exit(1));
  const { targetId } = await ask('Target.createTarget', { url: 'about:blank' }, undefined);
  session = (await ask('Target.attachToTarget', { targetId, flatten: true })).sessionId;
  await ask('Security.setIgnoreCertificateErrors', { ignore: true });
  await ask('Runtime.enable');
  await ask('Log.enable');
  await ask('Fetch.enable', { patterns: [{ urlPattern: `${page}*` }] });
  await ask('Page.enable');
  await ask('Page.navigate', { url: page });
  const run = async (expression) => {
    const { exceptionDetails } = await ask('Runtime.evaluate', {
      expression, awaitPromise: true, userGesture: true,
    });
    if (exceptionDetails) say('page:', JSON.stringify(exceptionDetails.exception));
  };
  await run(bundle);
  const given = [url, account, domain, password, Number(hertz)];
  await run(`(${phone})(JsSIP, ...${JSON.stringify(given)})`);
  readline.createInterface({ input: process.stdin })
    .on('line', (line) => run(`order(...${JSON.stringify(line.split(' '))})`))
    .on('close', () => process.exit(0));
}
main().catch((error) => { say('script:', error.stack); process.exit(1); });
