// Shows the chain of the bond that is chosen.
"use strict";
(() => {
  const choice = document.getElementById("chain-choice");
  if (!choice) return;
  const chains = [...document.querySelectorAll(".chain")];
  const status = document.getElementById("chain-status");
  function show(index) {
    chains.forEach((chain, k) => { chain.hidden = k !== index; });
    const chosen = chains[index];
    status.textContent = `${chosen.dataset.steps} kinds of steps, ${chosen.dataset.computers || "no computer"}`;
  }
  choice.addEventListener("change", () => show(choice.selectedIndex));
  for (const [id, step] of [["chain-previous", -1], ["chain-next", 1]]) {
    document.getElementById(id).addEventListener("click", () => {
      choice.selectedIndex = (choice.selectedIndex + step + chains.length) % chains.length;
      show(choice.selectedIndex);
    });
  }
  show(choice.selectedIndex);
})();
