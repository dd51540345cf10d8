/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: what a run believes of a worker, and a worker of its run. The first byte: 0, a run hears what follows while it
 * waits for a task, whose output is in a block when the next is odd; else a worker does. Then operations: messages of bytes, or packets of a kind
 * with some of their bytes changed. */
#include <smalti/smalti.h>

#include <jansson.h>
#include <math.h>
#include <unistd.h>

#include "fuzz_script.h"
#include "worker/pass.h"
#include "worker/remote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void send(smalti__channel *channel, const smalti__message *message)
{
    bool done;
    require(smalti__channel_try_send(channel, message, &done, NULL) == SMALTI_OK);
}

/* A message that says what it likes. */
static void say_bytes(smalti__channel *channel, fuzz_script *script)
{
    smalti__message message = {.task = take(script, 1),
                               .kind = take(script, 1),
                               .flags = take(script, 1),
                               .payload_bytes = take(script, 1) % (SMALTI__MESSAGE_PAYLOAD + 1),
                               .block_count = take(script, 1) % (SMALTI__MESSAGE_BLOCKS + 1)};
    for (uint32_t i = 0; i < message.payload_bytes; i++)
        message.payload[i] = (uint8_t)take(script, 1);
    send(channel, &message);
}

/* A packet of one output that is right but for some bytes. */
static void say_packet(smalti__channel *channel, fuzz_script *script)
{
    union {
        uint32_t kind;
        smalti__packet_task task;
        smalti__packet_reply reply;
        smalti__packet_measures measures;
    } packet;
    memset(&packet, 0, sizeof packet);
    packet.kind = take(script, 1) % SMALTI__PACKET_KINDS;
    size_t bytes = packet.kind == SMALTI__PACKET_READY      ? sizeof(smalti__packet_ready)
                   : packet.kind == SMALTI__PACKET_NEED     ? sizeof(smalti__packet_need)
                   : packet.kind == SMALTI__PACKET_OUTGROWN ? sizeof(smalti__packet_outgrown)
                   : packet.kind == SMALTI__PACKET_PROGRESS ? sizeof(smalti__packet_progress)
                                                            : sizeof(smalti__packet_word);
    if (packet.kind == SMALTI__PACKET_TASK) {
        packet.task.output_count = 1;
        packet.task.place = SMALTI__PLACE_BLOCK;
        bytes = offsetof(smalti__packet_task, outputs) + sizeof *packet.task.outputs;
    } else if (packet.kind == SMALTI__PACKET_REPLY) {
        packet.reply.output_count = 1;
        strcpy(packet.reply.info.format, "png");
        strcpy(packet.reply.info.color, "rgb");
        packet.reply.info.width = packet.reply.info.height = packet.reply.info.channels = packet.reply.info.frames = 1;
        packet.reply.info.bit_depth = 8;
        packet.reply.info.orientation = 1;
        bytes = offsetof(smalti__packet_reply, outputs) + sizeof *packet.reply.outputs;
    } else if (packet.kind == SMALTI__PACKET_MEASURES) {
        packet.measures.bytes = take(script, 1);
        for (uint32_t i = 0; i < packet.measures.bytes; i++)
            packet.measures.text[i] = (char)take(script, 1);
        bytes = offsetof(smalti__packet_measures, text) + packet.measures.bytes;
    }
    for (uint32_t changes = take(script, 1) % 16; changes; changes--) {
        size_t at = take(script, 2) % bytes;
        ((uint8_t *)&packet)[at] = (uint8_t)take(script, 1);
    }
    bytes -= take(script, 1) % 4;
    require(smalti__packet_put(channel, 1, &packet, bytes, false, NULL) == SMALTI_OK);
}

static void say(smalti__channel *channel, fuzz_script *script)
{
    if (take(script, 1) & 1)
        say_packet(channel, script);
    else
        say_bytes(channel, script);
}

/* ---- A run hears a worker ---- */

static const smalti_plan *one_plan(void)
{
    static const char text[] = "{\"steps\": [{\"resize\": {\"width\": 8}}], \"output\": {\"format\": \"png\"}}";
    static smalti__input input = {.path = "in", .name = "in", .fd = -1, .data = ""};
    static smalti_plan *plan, view; /* of it, with an input */
    static smalti_job inputs;
    smalti_job *job;
    if (plan)
        return &view;
    require(smalti_job_parse(text, sizeof text - 1, "job", &job, NULL) == SMALTI_OK);
    require(smalti_plan_new(job, &plan, NULL) == SMALTI_OK);
    smalti_job_free(job);
    view = *plan;
    inputs = *plan->job;
    inputs.inputs = &input;
    inputs.input_count = 1;
    view.job = &inputs;
    return &view;
}

static void look_at_event(void *user, const smalti_event *event)
{
    (void)user;
    require(event->kind != SMALTI_EVENT_WARNING || strlen(event->error->message) < sizeof event->error->message);
    require(event->kind != SMALTI_EVENT_PROGRESS || event->rows_done <= event->rows);
}

/* What may be told of a task whose reply was taken. */
static void look_at_task(const smalti__task *task)
{
    const smalti_output *made = &task->branches[0].made;
    require(task->branches[0].sink.bytes <= 100); /* its block */
    require(!strcmp(made->format, "png") && made->quality <= 100 && (isnan(made->score) || made->score <= 100));
    require(memchr(task->fast_path, 0, sizeof task->fast_path) != NULL);
    require(task->info.bit_depth <= 64 && task->info.orientation <= 8);
    json_t *measures = task->measures ? json_loads(task->measures, 0, NULL) : NULL;
    require(!task->measures || json_is_object(measures));
    json_decref(measures);
}

static void hear(smalti__remote *remote, smalti__channel *worker, smalti__task *task, fuzz_script *script)
{
    const smalti__encoder_format *formats[SMALTI__VARIANTS_MAX] = {smalti__plan_encoder(task->lane->run->plan, 0, "")};
    smalti__heard heard = SMALTI__HEARD_NOTHING;
    bool answered = false, sense = true;
    smalti_error error;
    while (sense && !answered && script->at < script->end) {
        say(worker, script);
        do {
            heard = smalti__remote_hear(remote, 0);
            require(heard != SMALTI__HEARD_END);
            sense = heard == SMALTI__HEARD_NOTHING ||
                    (heard == SMALTI__HEARD_PACKET && smalti__remote_heed(remote, task, &answered));
        } while (heard == SMALTI__HEARD_PACKET && sense && !answered);
        smalti__message granted; /* the ring must not fill up */
        for (bool there = true; there;)
            require(smalti__channel_try_receive(worker, &granted, &there, NULL) == SMALTI_OK);
    }
    require(task->admitted <= task->lane->run->options.memory_bytes);
    if (!answered || !sense)
        return;
    smalti_result result = smalti__remote_accept(remote, task, formats, &error);
    require(result == SMALTI_OK || result == error.code);
    if (result == SMALTI_OK)
        look_at_task(task);
}

static void run_hears(fuzz_script *script)
{
    static smalti__remote remote;
    static smalti__task task;
    const smalti_run_options options = {
        .size = sizeof options, .jobs = 1, .memory_bytes = 64 << 20, .event = look_at_event};
    smalti__run run;
    smalti__lane lane;
    smalti_stats stats = {.size = sizeof stats};
    smalti__channel worker;
    smalti__channel_parts parts;
    int lent, ends[2], files[2];
    require(smalti__run_open(&run, one_plan(), &options, 1, NULL) == SMALTI_OK);
    require(smalti__lane_open(&lane, &run, NULL) == SMALTI_OK);
    memset(&remote, 0, sizeof remote);
    remote.process.watch = -1;
    require(smalti__channel_make(SMALTI__PACKET_SLOTS, &remote.channel, &parts, NULL) == SMALTI_OK);
    require(smalti__channel_open(parts, &worker, NULL) == SMALTI_OK);
    require(smalti__pass_pair(ends, NULL) == SMALTI_OK && smalti__pass_pair(files, NULL) == SMALTI_OK);
    smalti__blocks_open(&remote.blocks, ends[0], true, 1 << 20);
    remote.process.socket = files[0];
    remote.task = 1;
    remote.packet.output_count = 1;
    remote.packet.outputs[0].place = take(script, 1) & 1 ? SMALTI__PLACE_BLOCK : SMALTI__PLACE_FILE;
    memset(&remote.packet.outputs[0].block, 0, sizeof remote.packet.outputs[0].block);
    if (remote.packet.outputs[0].place == SMALTI__PLACE_BLOCK)
        require(smalti__blocks_take(&remote.blocks, 100, &remote.packet.outputs[0].block, NULL) == SMALTI_OK);
    memset(&task, 0, sizeof task);
    task = (smalti__task){.lane = &lane, .name = "in", .stats = &stats};
    require(smalti__sink_open_memory(&task.branches[0].sink, 0, NULL) == SMALTI_OK);
    if (remote.packet.outputs[0].place == SMALTI__PLACE_FILE)
        require(smalti__sink_lend(&task.branches[0].sink, &lent, NULL) == SMALTI_OK);
    hear(&remote, &worker, &task, script);
    smalti__task_release(&task);
    smalti__outputs_free(&task);
    free(task.measures);
    smalti__channel_close(&worker);
    smalti__channel_close(&remote.channel);
    smalti__remote_forget(&remote);
    smalti__blocks_close(&remote.blocks);
    for (int i = 0; i < 2; i++) {
        close(ends[i]);
        close(files[i]);
    }
    smalti__lane_close(&lane);
    smalti__run_close(&run);
}

/* ---- A worker hears its run ---- */

static void worker_hears(fuzz_script *script)
{
    static smalti__packet_in in;
    smalti__channel run, worker;
    smalti__channel_parts parts;
    smalti_result result = SMALTI_OK;
    require(smalti__channel_make(SMALTI__PACKET_SLOTS, &run, &parts, NULL) == SMALTI_OK);
    require(smalti__channel_open(parts, &worker, NULL) == SMALTI_OK);
    in.bytes = 0;
    in.whole = false;
    while (result == SMALTI_OK && script->at < script->end) {
        say(&run, script);
        result = smalti__packet_get(&worker, &in, false, NULL);
        if (result < 0 || !in.whole)
            continue;
        const smalti__packet_task *task = &in.packet.task;
        require(task->kind == SMALTI__PACKET_TASK || task->kind == SMALTI__PACKET_GRANT);
        if (task->kind != SMALTI__PACKET_TASK)
            continue;
        size_t formats = 0;
        while (smalti__encoder_formats[formats])
            formats++;
        require(task->output_count <= SMALTI__VARIANTS_MAX && strlen(task->name) < sizeof task->name);
        for (uint32_t i = 0; i < task->output_count; i++)
            require((task->outputs[i].format < formats || task->outputs[i].format == UINT32_MAX) &&
                    task->outputs[i].place < SMALTI__PLACES &&
                    strlen(task->outputs[i].name) < sizeof task->outputs[i].name);
    }
    smalti__channel_close(&worker);
    smalti__channel_close(&run);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_script script = {data, data + size};
    if (take(&script, 1))
        worker_hears(&script);
    else
        run_hears(&script);
    return 0;
}
