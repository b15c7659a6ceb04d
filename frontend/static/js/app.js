// What the pages do beyond links and forms. Everything here is an extra: browse, cart and order work without it.

(() => {
  "use strict";

  // --- messages -------------------------------------------------------------------------------------------------

  const STAYS_MS = 5000;

  function dismissLater(item) {
    item.querySelector("[data-toast-close]")?.addEventListener("click", () => item.remove());
    item.querySelector("[data-toast-close]")?.classList.replace("hidden", "grid");
    setTimeout(() => item.remove(), STAYS_MS);
  }

  function toast(text) {
    const template = document.getElementById("toast-template");
    const item = template.content.firstElementChild.cloneNode(true);
    item.querySelector("[data-toast-text]").textContent = text;
    document.getElementById("toasts").append(item);
    dismissLater(item);
  }

  // --- a question before something final --------------------------------------------------------------------------

  function ask(text, agreed) {
    const dialog = document.getElementById("confirm");
    dialog.querySelector("[data-confirm-text]").textContent = text;
    const yes = dialog.querySelector("[data-confirm-yes]");
    const no = dialog.querySelector("[data-confirm-no]");
    yes.onclick = () => {
      dialog.close();
      agreed();
    };
    no.onclick = () => dialog.close();
    dialog.showModal();
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    const question = event.submitter?.dataset.confirm ?? form.dataset.confirm;
    if (question && !form.dataset.agreed) {
      event.preventDefault();
      event.stopPropagation();
      ask(question, () => {
        form.dataset.agreed = "yes";
        form.requestSubmit(event.submitter ?? undefined);
        delete form.dataset.agreed;
      });
      return;
    }
    // A second press while the first is on its way would be a second order.
    if (form.method === "post" && !form.hasAttribute("hx-post")) {
      setTimeout(() => {
        for (const button of form.querySelectorAll("button:not([type=button])")) button.classList.add("is-busy");
      });
    }
  }, true);

  // Coming back with the browser's back button shows the page as it was left: free its buttons.
  window.addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll(".is-busy")) button.classList.remove("is-busy");
  });

  // --- forms that follow their own fields ---------------------------------------------------------------------------

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit-on-change]")) event.target.form.requestSubmit();
  });

  // --- another option is chosen: the gallery turns to its picture ----------------------------------------------------

  function showPicture(url) {
    const strip = document.querySelector("[x-ref=strip]");
    const at = url ? [...(strip?.children ?? [])].findIndex((picture) => picture.getAttribute("href") === url) : -1;
    if (at >= 0) strip.scrollTo({ left: at * strip.clientWidth, behavior: "smooth" });
  }

  // --- htmx: what fails says so ---------------------------------------------------------------------------------------

  document.addEventListener("htmx:afterSwap", (event) => {
    const sheet = document.getElementById("sheet");
    if (event.detail.target.id === "sheet-body" && !sheet.open) sheet.showModal();
    if (event.detail.target.id === "buy-box") showPicture(document.getElementById("buy-box").dataset.shows);
    for (const item of document.querySelectorAll("#toasts [data-toast]:not([data-seen])")) {
      item.dataset.seen = "yes";
      dismissLater(item);
    }
  });
  document.addEventListener("htmx:responseError", (event) => {
    // Quiet pieces of a page (a badge, a reviews block) leave without a word.
    if (event.detail.elt.hasAttribute("data-quiet")) return;
    const place = event.detail.xhr.getResponseHeader("X-Sign-In");
    if (place) {
      window.location.assign(place);
      return;
    }
    toast(event.detail.xhr.getResponseHeader("X-Message") ? decodeURIComponent(event.detail.xhr.getResponseHeader("X-Message")) : document.getElementById("toasts").dataset.failed);
  });
  document.addEventListener("htmx:sendError", (event) => {
    if (!event.detail.elt.hasAttribute("data-quiet")) toast(document.getElementById("toasts").dataset.failed);
  });

  // --- paying and being paid inside WeChat: its own browser takes the arguments ------------------------------------------------

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-wechat-pay]");
    if (!button) return;
    const { then, cancelled, failed, wechatCall = "getBrandWCPayRequest" } = button.dataset;
    if (!window.WeixinJSBridge) {
      toast(failed);
      return;
    }
    window.WeixinJSBridge.invoke(wechatCall, JSON.parse(button.dataset.wechatPay), (told) => {
      // "ok" is WeChat's word to the browser, not to us: the page behind waits for the signed notice.
      if (told.err_msg?.endsWith(":ok")) window.location.assign(then);
      else toast(told.err_msg?.endsWith(":cancel") ? cancelled : failed);
    });
  });

  // --- a receipt on paper ----------------------------------------------------------------------------------------------

  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-print]")) {
      button.classList.replace("hidden", "inline-flex");
      button.addEventListener("click", () => window.print());
    }
  });

  // --- search: what the typed words may become ------------------------------------------------------------------------

  const optionsOf = (form) => [...form.querySelectorAll("[role=option]")];

  function showOptions(form, wanted) {
    const field = form.querySelector("[role=combobox]");
    form.querySelector("[role=listbox]").hidden = !wanted;
    field.setAttribute("aria-expanded", String(wanted && optionsOf(form).length > 0));
    if (!wanted) choose(form, -1);
  }

  function choose(form, at) {
    const field = form.querySelector("[role=combobox]");
    field.removeAttribute("aria-activedescendant");
    optionsOf(form).forEach((option, index) => {
      option.id = `${field.id}-${index}`;
      option.setAttribute("aria-selected", String(index === at));
      if (index !== at) return;
      field.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    });
  }

  document.addEventListener("htmx:afterSettle", (event) => {
    const form = event.target.closest?.("[data-search]");
    if (form?.contains(document.activeElement)) showOptions(form, true);
  });
  document.addEventListener("keydown", (event) => {
    const form = event.target.closest?.("[data-search]");
    if (!form || event.isComposing || !event.target.matches("[role=combobox]")) return;
    const options = optionsOf(form);
    const at = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
    if (event.key === "Escape" && !form.querySelector("[role=listbox]").hidden) {
      event.preventDefault();
      showOptions(form, false);
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && options.length) {
      event.preventDefault();
      showOptions(form, true);
      const next = event.key === "ArrowDown" ? at + 1 : (at < 0 ? options.length : at) - 1;
      choose(form, next >= options.length ? -1 : next);
    } else if (event.key === "Enter" && at >= 0) {
      event.preventDefault();
      options[at].click();
    }
  });
  document.addEventListener("focusin", (event) => {
    for (const form of document.querySelectorAll("[data-search]")) if (!form.contains(event.target)) showOptions(form, false);
  });
  document.addEventListener("click", (event) => {
    for (const form of document.querySelectorAll("[data-search]")) if (!form.contains(event.target)) showOptions(form, false);
    for (const sheet of document.querySelectorAll("details.sieve[open]")) if (!sheet.contains(event.target)) sheet.open = false;
  });

  // --- pieces of pages ---------------------------------------------------------------------------------------------

  document.addEventListener("alpine:init", () => {
    const { Alpine } = window;

    // Product pictures: a strip that snaps, a counter that follows it, thumbnails that move it.
    Alpine.data("gallery", () => ({
      at: 0,
      follow() {
        const strip = this.$refs.strip;
        this.at = Math.round(strip.scrollLeft / strip.clientWidth);
      },
      show(event) {
        const index = Number(event.currentTarget.dataset.index);
        const strip = this.$refs.strip;
        strip.scrollTo({ left: index * strip.clientWidth, behavior: "smooth" });
      },
      get counter() {
        return `${this.at + 1} / ${this.$refs.strip.children.length}`;
      },
    }));

    // How many: buttons beside a number field.
    Alpine.data("quantity", () => ({
      step(by) {
        const field = this.$refs.field;
        const least = Number(field.min || 1);
        const most = Number(field.max || 999);
        const next = Math.min(most, Math.max(least, Number(field.value || least) + by));
        if (String(next) === field.value) return;
        field.value = String(next);
        field.dispatchEvent(new Event("change", { bubbles: true }));
      },
      less() {
        this.step(-1);
      },
      more() {
        this.step(1);
      },
    }));

    // The share sheet: copy the address, or send it through the device where it can.
    Alpine.data("share", () => ({
      canSend: Boolean(navigator.share),
      inWechat: /MicroMessenger/i.test(navigator.userAgent),
      async send() {
        const { url, title, text } = this.$root.dataset;
        try {
          await navigator.share({ url, title, text });
        } catch {
          // The person closed the device's sheet.
        }
      },
      async copy() {
        const { url, copied } = this.$root.dataset;
        try {
          await navigator.clipboard.writeText(url);
          document.getElementById("sheet")?.close();
          toast(copied);
        } catch {
          toast(url);
        }
      },
    }));

    // Copy a number or an address.
    Alpine.data("copy", () => ({
      async copy() {
        const { text, copied } = this.$root.dataset;
        try {
          await navigator.clipboard.writeText(text);
          toast(copied);
        } catch {
          toast(text);
        }
      },
    }));

    // Time left until an instant, in the page's words: data-until (ISO), data-over (text at the end).
    Alpine.data("countdown", () => ({
      left: "",
      timer: null,
      init() {
        this.tick();
        this.timer = setInterval(() => this.tick(), 1000);
      },
      destroy() {
        clearInterval(this.timer);
      },
      tick() {
        const seconds = Math.floor((Date.parse(this.$root.dataset.until) - Date.now()) / 1000);
        if (seconds <= 0) {
          this.left = this.$root.dataset.over;
          clearInterval(this.timer);
          return;
        }
        const two = (number) => String(number).padStart(2, "0");
        const hours = Math.floor(seconds / 3600);
        this.left = `${hours ? `${two(hours)}:` : ""}${two(Math.floor((seconds % 3600) / 60))}:${two(seconds % 60)}`;
      },
    }));

    // Chosen pictures show before they are sent; what cannot be taken is said at once. The server decides.
    Alpine.data("uploads", () => ({
      chosen(event) {
        const { most, tooLarge } = this.$root.dataset;
        const { previews, warning } = this.$refs;
        previews.replaceChildren();
        const files = [...event.target.files].slice(0, Number(most));
        for (const file of files) {
          const reader = new FileReader();
          const image = new Image();
          image.alt = file.name;
          image.className = "size-20 rounded-xl object-cover";
          previews.append(image);
          reader.addEventListener("load", () => {
            image.src = reader.result;
          });
          reader.readAsDataURL(file);
        }
        const heavy = files.filter((file) => file.size > 10 * 1024 * 1024);
        warning.textContent = heavy.map((file) => `${file.name}: ${tooLarge}`).join("; ");
        warning.classList.toggle("hidden", heavy.length === 0);
      },
    }));
  });

  // --- photos, large -----------------------------------------------------------------------------------------------

  const viewer = { photos: [], at: 0 };

  function showPhoto(at) {
    const dialog = document.getElementById("viewer");
    viewer.at = (at + viewer.photos.length) % viewer.photos.length;
    dialog.querySelector("[data-viewer-photo]").src = viewer.photos[viewer.at];
    dialog.querySelector("[data-viewer-count]").textContent = `${viewer.at + 1} / ${viewer.photos.length}`;
    for (const button of dialog.querySelectorAll("[data-viewer-before], [data-viewer-next]")) button.hidden = viewer.photos.length < 2;
  }

  document.addEventListener("click", (event) => {
    const dialog = document.getElementById("viewer");
    const link = event.target.closest("[data-photo]");
    if (!dialog || (!link && !dialog.open)) return;
    if (link) {
      event.preventDefault();
      const links = [...(link.closest("[data-photos]") ?? document).querySelectorAll("[data-photo]")];
      viewer.photos = links.map((one) => one.href);
      showPhoto(links.indexOf(link));
      dialog.showModal();
    } else if (event.target.closest("[data-viewer-next]")) showPhoto(viewer.at + 1);
    else if (event.target.closest("[data-viewer-before]")) showPhoto(viewer.at - 1);
    else if (event.target === dialog || event.target.closest("[data-viewer-close]")) dialog.close();
  });
  document.addEventListener("keydown", (event) => {
    if (!document.getElementById("viewer")?.open) return;
    if (event.key === "ArrowRight") showPhoto(viewer.at + 1);
    if (event.key === "ArrowLeft") showPhoto(viewer.at - 1);
  });

  // --- a page for the time without a network ----------------------------------------------------------------------

  if ("serviceWorker" in navigator && window.isSecureContext) {
    window.addEventListener("load", () => {
      navigator.serviceWorker.register("/sw.js").catch(() => {
        // Private windows refuse; the shop works without it.
      });
    });
  }

  // Messages that came with the page; and in a row of tabs that is wider than the screen, the present one.
  document.addEventListener("DOMContentLoaded", () => {
    for (const tab of document.querySelectorAll(".no-bar [aria-current=page]")) tab.scrollIntoView({ block: "nearest", inline: "center" });
    for (const item of document.querySelectorAll("#toasts [data-toast]")) {
      item.dataset.seen = "yes";
      dismissLater(item);
    }
  });
})();
