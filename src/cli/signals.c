/* SPDX-License-Identifier: Apache-2.0
 * Signals that end a run: the first one cleanly, a second one at once. */
#include "cli/cli.h"

#include <signal.h>

static smalti_cancel *volatile signal_cancel;

static void on_signal(int number)
{
    static volatile sig_atomic_t again;
    if (again) {
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    again = 1;
    smalti_cancel_request(signal_cancel);
}

void cli_catch_signals(smalti_cancel *cancel)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    signal_cancel = cancel;
    for (size_t i = 0; i < CLI_COUNT(signals); i++) {
        struct sigaction old;
        /* what nohup ignores stays ignored */
        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
    }
}
