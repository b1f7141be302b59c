// A subscriber that nobody here wrote: salesforce-pubsub-api-client, by a Salesforce developer advocate.
// Arguments: the folder where it is installed, and one JSON object. Writes one JSON object.
const [, , home, words] = process.argv;
const told = JSON.parse(words);
const { default: PubSubApiClient } = await import(
  `${home}/node_modules/salesforce-pubsub-api-client/dist/client.js`
);
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const client = new PubSubApiClient(
  {
    authType: "user-supplied",
    accessToken: told.accesstoken,
    instanceUrl: told.instanceurl,
    organizationId: told.tenantid,
    pubSubEndpoint: told.pubsub,
    rejectUnauthorizedSsl: false,
  },
  quiet
);
const found = { events: [], errors: [] };
const done = () => {
  process.stdout.write(JSON.stringify(found, (_, v) => (typeof v === "bigint" ? Number(v) : v)));
  client.close();
  process.exit(0);
};
await client.connect();
const heard = (subscription, type, data) => {
  if (type === "event") found.events.push(data);
  if (type === "error") {
    found.errors.push(String(data?.message ?? data));
    done();
  }
  if (found.events.length >= told.count) done();
};
if (told.replayId === undefined) client.subscribeFromEarliestEvent(told.topic, heard, told.count);
else client.subscribeFromReplayId(told.topic, heard, told.count, told.replayId);
setTimeout(done, 30000);
