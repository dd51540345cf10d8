/* SPDX-License-Identifier: Apache-2.0
 * The progress bar: redrawn at most ten times a second, as wide as the terminal, gone at the end. */
#include "cli/report.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { REDRAW_NS = 100 * 1000 * 1000, BAR_MIN = 10, BAR_MAX = 40 };

uint64_t cli_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void cli_bar_start(cli_bar *bar, uint64_t total)
{
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    *bar = (cli_bar){.total = total, .started_ns = cli_now_ns()};
    bar->on = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    bar->color = !(no_color && *no_color);
    bar->utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
    bar->drawn_ns = bar->started_ns; /* what takes no tenth of a second needs no bar */
}

void cli_bar_clear(cli_bar *bar)
{
    if (bar->visible)
        fputs("\r\033[K", stderr);
    bar->visible = false;
}

static void forget(cli_bar *bar, uint64_t task)
{
    for (size_t i = 0; i < bar->active_count; i++)
        if (bar->active[i].task == task)
            bar->active[i] = bar->active[--bar->active_count];
}

static void note(cli_bar *bar, uint64_t task, double part)
{
    for (size_t i = 0; i < bar->active_count; i++)
        if (bar->active[i].task == task) {
            bar->active[i].part = part;
            return;
        }
    if (bar->active_count < BAR_TASKS) {
        bar->active[bar->active_count].task = task;
        bar->active[bar->active_count++].part = part;
    }
}

static int terminal_width(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void eta_text(double seconds, char *out, size_t out_size)
{
    unsigned long long s = (unsigned long long)(seconds + 0.5);
    if (!(seconds >= 0 && seconds < 100 * 3600.0))
        snprintf(out, out_size, "--:--");
    else if (s >= 3600)
        snprintf(out, out_size, "%llu:%02llu:%02llu", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(out, out_size, "%llu:%02llu", s / 60, s % 60);
}

static void draw(cli_bar *bar, uint64_t now)
{
    double parts = 0, elapsed = (double)(now - bar->started_ns) / 1e9;
    for (size_t i = 0; i < bar->active_count; i++)
        parts += bar->active[i].part;
    /* skipped tasks take no time: they say nothing about the rate */
    double worked = (double)(bar->ended - bar->skipped) + parts;
    double rate = elapsed > 0 ? worked / elapsed : 0;
    double left = (double)(bar->total - bar->ended) - parts;
    double fraction = bar->total ? 1 - left / (double)bar->total : 0;
    char eta[32], text[160], failed[48] = "";
    eta_text(rate > 0 ? left / rate : -1, eta, sizeof eta);
    snprintf(text, sizeof text, " %3d%%  %llu/%llu  %.1f/s  ETA %s", (int)(fraction * 100),
             (unsigned long long)bar->ended, (unsigned long long)bar->total, rate, eta);
    if (bar->failed)
        snprintf(failed, sizeof failed, "  %llu failed", (unsigned long long)bar->failed);
    int width = terminal_width() - 1, room = width - (int)(strlen(text) + strlen(failed));
    int cells = room > BAR_MAX ? BAR_MAX : room;
    fputs("\r\033[K", stderr);
    if (cells >= BAR_MIN) {
        int full = (int)(fraction * cells + 0.5);
        fputs(bar->color ? "\033[36m" : "", stderr);
        for (int i = 0; i < cells; i++)
            fputs(bar->utf8 ? (i < full ? "━" : "─") : i < full ? "#" : ".", stderr);
        fputs(bar->color ? "\033[0m" : "", stderr);
    }
    fprintf(stderr, "%.*s", width, text);
    if (room >= 0 && *failed)
        fprintf(stderr, "%s%s%s", bar->color ? "\033[31m" : "", failed, bar->color ? "\033[0m" : "");
    fflush(stderr);
    bar->visible = true;
    bar->drawn_ns = now;
}

void cli_bar_event(cli_bar *bar, const smalti_event *event)
{
    if (!bar->on)
        return;
    switch (event->kind) {
    case SMALTI_EVENT_STARTED:
    case SMALTI_EVENT_PROGRESS:
        note(bar, event->task, event->rows ? (double)event->rows_done / event->rows : 0);
        break;
    case SMALTI_EVENT_WARNING:
        break;
    case SMALTI_EVENT_DONE:
    case SMALTI_EVENT_SKIPPED:
    case SMALTI_EVENT_FAILED:
        forget(bar, event->task);
        bar->ended++;
        bar->skipped += event->kind == SMALTI_EVENT_SKIPPED;
        bar->failed += event->kind == SMALTI_EVENT_FAILED;
    }
    uint64_t now = cli_now_ns();
    if (now - bar->drawn_ns >= REDRAW_NS)
        draw(bar, now);
}
