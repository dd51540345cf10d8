/* SPDX-License-Identifier: Apache-2.0
 * The clock of deadlines: one thread that lets a tick pass in the engines while machines are alive. */
#ifndef SMALTI_SRC_TICKER_H
#define SMALTI_SRC_TICKER_H

#include "base/base.h"

/* Costs a deadline its accuracy, and every wake-up is one of an idle processor: 5 ms is far below any useful deadline. */
enum { SMALTI__TICK_MS = 5 };

/* Ticks pass between hold and release. false: no thread could be made, and without one there are no deadlines. */
bool smalti__ticker_hold(void);
void smalti__ticker_release(void);
/* In a forked child, which has this memory but not the thread: makes a new one if there was one. Before each call. */
void smalti__ticker_ensure(void);

#endif
