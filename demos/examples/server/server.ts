import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { Engine, TilegradError } from "tilegrad";
import * as data from "tilegrad/data";
import * as losses from "tilegrad/losses";
import * as nn from "tilegrad/nn";
import { createGPU } from "tilegrad/node";
import * as optim from "tilegrad/optim";
import { Trainer } from "tilegrad/train";

/*
 * Answers POST /predict {"x": [0.5, -1.2]} with {"ring": 0.97}, the probability that the point lies in a ring around the
 * origin. Requests that arrive together are predicted together.
 */

const engine = await Engine.create({ gpu: await createGPU() });
const model = nn.sequential(nn.linear(2, 32), nn.relu(), nn.linear(32, 1), nn.sigmoid());
const trainer = new Trainer({ engine, model, loss: losses.bce, optimizer: optim.adam({ lr: 0.02 }) });

// A real server takes the checkpoint of a training: await trainer.load(await readFile("ring.safetensors")).
const random = data.randomStream(1);
const x = Float32Array.from({ length: 4000 }, () => 4 * random.uniform() - 2);
const y = Float32Array.from({ length: 2000 }, (_, i) => {
  const radius = Math.hypot(x[2 * i]!, x[2 * i + 1]!);
  return radius > 0.7 && radius < 1.5 ? 1 : 0;
});
await trainer.fit(
  { x: { data: x, shape: [2000, 2] }, y: { data: y, shape: [2000, 1] } },
  { epochs: 20, batchSize: 64 },
);

const server = createServer(async (request, response) => {
  const answer = (status: number, body: object) =>
    response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
  if (request.method !== "POST" || request.url !== "/predict") return answer(404, { error: "only POST /predict" });
  try {
    const { x } = JSON.parse(await text(request)) as { x: number[] };
    const prediction = await trainer.predict({ data: Float32Array.from(x), shape: [1, 2] });
    return answer(200, { ring: prediction.data[0] });
  } catch (error) {
    const isTheirs = error instanceof TilegradError || error instanceof SyntaxError || error instanceof TypeError;
    return answer(isTheirs ? 400 : 500, { error: isTheirs ? (error as Error).message : "the prediction failed" });
  }
});
server.listen(Number(process.env.PORT ?? 8080), "127.0.0.1", () => {
  const { port } = server.address() as { port: number };
  console.log(`http://127.0.0.1:${port}/predict`);
});
