// The peer: `dub.track.sale` as its documentation shows it, with so many calls in flight.
// node sale.mjs URL CALLS IN_FLIGHT
import { Dub } from "dub";

const [url, calls, inFlight] = [process.argv[2], +process.argv[3], +process.argv[4]];
const dub = new Dub({ token: "dub_0123456789abcdef0123456789abcdef", serverURL: `${url}/api` });

async function sale() {
  const answer = await dub.track.sale({
    clickId: "clk_01h455vb4pex5vsknk084sn02q",
    customerExternalId: "user_001",
    amount: 4900,
    currency: "usd",
    eventName: "Purchase",
    invoiceId: "inv_001",
    paymentProcessor: "stripe",
    customerEmail: "ada@example.com",
  });
  if (answer.sale?.amount !== 4900) throw new Error("another answer");
}

async function spread(calls) {
  let left = calls;
  const worker = async () => {
    while (left-- > 0) await sale();
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
}

await spread(1000);
const start = performance.now();
const cpu = process.cpuUsage();
await spread(calls);
const seconds = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage(cpu);
console.log(JSON.stringify({ calls, seconds, cpu_seconds: (user + system) / 1e6 }));
