/* SPDX-License-Identifier: Apache-2.0
 * A plan's steps on inputs that are not its job's: files and bytes of the caller's, to files or back to the caller. */
#include "pipeline/task.h"

/* What a run looks at instead of the plan's own. */
typedef struct view {
    smalti_plan plan;
    smalti_job job;
    smalti__input *inputs;
    struct item_target *targets;
} view;

struct item_target {
    smalti__target base;
    const smalti_item *item;
};

/* Before the event that tells of it. */
static void hand_over(smalti__target *target)
{
    const smalti_item *item = ((struct item_target *)target)->item;
    *item->out = target->data;
    *item->out_size = target->size;
}

static smalti_result check_item(const smalti_item *item, size_t index, bool with_output, smalti_error *error)
{
    if (item->size != sizeof *item || !item->path == !item->data || (item->path && !*item->path))
        return smalti__fail(error, SMALTI_E_INVALID, "item %zu needs its size and exactly one of path and data", index);
    if (!item->out != !item->out_size || (item->out && item->output) || (item->output && !*item->output))
        return smalti__fail(error, SMALTI_E_INVALID, "item %zu needs one of output, and out with out_size", index);
    if ((item->out || item->output) != with_output)
        return smalti__fail(error, SMALTI_E_INVALID, "item %zu has %s output, other than the first", index,
                            with_output ? "no" : "an");
    return SMALTI_OK;
}

static void add_item(view *self, size_t index, const smalti_item *item)
{
    const char *name = item->path ? item->path : item->name ? item->name : "memory";
    struct item_target *target = &self->targets[index];
    self->inputs[index] = (smalti__input){
        .path = name, .name = name, .fd = -1, .data = item->data, .size = item->data ? item->data_size : 0};
    if (!self->plan.has_output)
        return;
    *target = (struct item_target){.base = {.path = item->output, .made = hand_over}, .item = item};
    self->inputs[index].target = &target->base;
}

static smalti_result open_view(view *self, const smalti_plan *plan, const smalti_item *items, size_t count,
                               smalti_error *error)
{
    bool with_output = count && (items->out || items->output);
    *self = (view){.plan = *plan, .job = *plan->job};
    if (plan->variant_count > 1)
        return smalti__fail(error, SMALTI_E_UNSUPPORTED, "output.set has several outputs, one is wanted");
    for (size_t i = 0; i < count; i++)
        SMALTI__TRY(check_item(&items[i], i, with_output, error));
    self->inputs = calloc(count + 1, sizeof *self->inputs);
    self->targets = calloc(count + 1, sizeof *self->targets);
    if (!self->inputs || !self->targets)
        return smalti__fail_nomem(error, count * (sizeof *self->inputs + sizeof *self->targets));
    self->plan.job = &self->job;
    self->plan.has_output = with_output;
    self->plan.own_outputs = false;
    self->job.inputs = self->inputs;
    self->job.input_count = count;
    for (size_t i = 0; i < count; i++)
        add_item(self, i, &items[i]);
    return with_output ? smalti__plan_check_names(&self->plan, error) : SMALTI_OK;
}

smalti_result smalti_plan_run_items(const smalti_plan *plan, const smalti_item *items, size_t count,
                                    const smalti_run_options *options, smalti_stats *stats, smalti_error *error)
{
    view self;
    smalti_result result = open_view(&self, plan, items, count, error);
    if (result == SMALTI_OK)
        result = smalti_plan_run(&self.plan, options, stats, error);
    free(self.inputs);
    free(self.targets);
    return result;
}

/* ---- one file in memory ---- */

struct warnings {
    smalti_event_fn event;
    void *user;
};

static void pass_warning(void *user, const smalti_event *event)
{
    const struct warnings *to = user;
    if (event->kind == SMALTI_EVENT_WARNING)
        to->event(to->user, event);
}

smalti_result smalti_plan_run_memory(const smalti_plan *plan, const smalti_run_options *options, const void *data,
                                     size_t size, const char *name, void **out, size_t *out_size, smalti_stats *stats,
                                     smalti_error *error)
{
    const smalti_item item = {.size = sizeof item,
                              .data = data ? data : "",
                              .data_size = size,
                              .name = name,
                              .out = out,
                              .out_size = out_size};
    smalti_run_options quiet = {.size = sizeof quiet};
    if (options)
        memcpy(&quiet, options, options->size < sizeof quiet ? options->size : sizeof quiet);
    struct warnings warnings = {quiet.event, quiet.user};
    quiet.event = quiet.event ? pass_warning : NULL;
    quiet.user = &warnings;
    return smalti_plan_run_items(plan, &item, 1, &quiet, stats, error);
}
