2026-11-21_22:18:13.95703 stafett-queued: status: ready
