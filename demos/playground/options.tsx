import { Choice } from "../parts/controls.tsx";
import { paces } from "./address.ts";
import { named } from "./names.ts";
import { taskOf } from "./problems.ts";
import { change, changeShared, chosen, networks, settings, shared } from "./session.ts";
import {
  activations,
  batchSizes,
  dropouts,
  lossesOf,
  lossOf,
  optimizers,
  penalties,
  rates,
  schedules,
  strengths,
} from "./settings.ts";
import { shows } from "./shows.ts";

/** How the network trains: what most visitors change, and the rest in a section that opens. */
export function Options() {
  const now = settings.value;
  const which = networks.value.length > 1 ? ` of network ${"AB"[chosen.value]}` : "";
  const hasMore = shows("rate") || shows("loss") || shows("regularisation");
  return (
    <section class="card" aria-label={`Options of the training${which}`}>
      <div class="options">
        {shows("activation") && (
          <Choice
            label={`Activation${which}`}
            value={now.activation}
            options={named(activations)}
            onChange={(activation) => change({ activation })}
          />
        )}
        {shows("optimizer") && (
          <Choice
            label="Optimizer"
            value={now.optimizer}
            options={named(optimizers)}
            onChange={(optimizer) => change({ optimizer })}
          />
        )}
        {shows("rate") && (
          <Choice label="Learning rate" value={now.rate} options={named(rates)} onChange={(rate) => change({ rate })} />
        )}
        {shows("batch") && (
          <Choice
            label="Batch size"
            value={now.batch}
            options={named(batchSizes)}
            onChange={(batch) => change({ batch })}
          />
        )}
        <Choice
          label="Speed"
          value={shared.value.pace}
          options={named(paces)}
          onChange={(pace) => changeShared({ pace })}
        />
      </div>
      {hasMore && (
        <details class="more">
          <summary>More options</summary>
          <MoreOptions />
        </details>
      )}
    </section>
  );
}

function MoreOptions() {
  const now = settings.value;
  return (
    <div class="options">
      {shows("loss") && (
        <Choice
          label="Loss"
          value={lossOf(now)}
          options={named(lossesOf[taskOf(now)])}
          onChange={(loss) => change({ loss })}
        />
      )}
      {shows("rate") && (
        <Choice
          label="Learning rate over time"
          value={now.schedule}
          options={named(schedules)}
          onChange={(schedule) => change({ schedule })}
        />
      )}
      {shows("regularisation") && (
        <>
          <Choice
            label="Regularisation"
            value={now.penalty}
            options={named(penalties)}
            onChange={(penalty) => change({ penalty })}
          />
          <Choice
            label="Its strength"
            value={now.strength}
            options={named(strengths)}
            onChange={(strength) => change({ strength })}
          />
          <Choice
            label="Dropout"
            value={now.dropout}
            options={dropouts.map((share) => [share, share === 0 ? "None" : `${100 * share} %`] as const)}
            onChange={(dropout) => change({ dropout })}
          />
        </>
      )}
    </div>
  );
}
