/* SPDX-License-Identifier: Apache-2.0
 * Tasks that another program names: their ids and outputs, how they are read, what is refused, and how one is cancelled. */
#include <smalti/smalti.h>

#include <sys/socket.h>
#include <sys/stat.h>

#include "pipeline/plan.h"
#include "test.h"
#include "files.h"

static smalti_error error;

/* Goes to a new folder of this name. */
static void go(const char *name)
{
    CHECK(mkdir(file_path(name), 0777) == 0 && chdir(file_path(name)) == 0);
}

static const char document[] =
    "{\"steps\": [{\"resize\": {\"width\": 4}}],\n \"tasks\" : [\n"
    "  {\"id\": \"one \\\"1\\\" ]\", \"input\": \"in/a,}b.png\", \"output\": \"o/a.webp\"} ,\n"
    "  {\"output\": \"o/b.jpg\", \"input\": \"b\\u0041.png\", \"name\": \"sub/b.png\"}\n ],\n"
    " \"output\": {\"quality\": 91}}";

/* Reads text by a descriptor that gives so many bytes at a time. */
static smalti_result read_in_pieces(const char *text, size_t piece, smalti_job **job)
{
    int ends[2];
    size_t size = strlen(text);
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
    for (size_t at = 0; at < size; at += piece)
        CHECK(send(ends[0], text + at, size - at < piece ? size - at : piece, MSG_DONTWAIT) > 0);
    close(ends[0]);
    *job = NULL;
    smalti_result result = smalti_job_read_fd(ends[1], "batch.json", job, &error);
    close(ends[1]);
    return result;
}

static void check_document(const smalti_job *job)
{
    CHECK_INT(smalti_job_input_count(job), 2);
    CHECK_STR(smalti_job_input_id(job, 0), "one \"1\" ]");
    CHECK(smalti_job_input_id(job, 1) == NULL && smalti_job_input_id(job, 2) == NULL);
    CHECK_STR(smalti_job_input_name(job, 0), "in/a,}b.png");
    CHECK_STR(job->inputs[0].name, "a,}b.png");
    CHECK_STR(job->inputs[0].output, "o/a.webp");
    CHECK_STR(smalti_job_input_name(job, 1), "bA.png");
    CHECK_STR(job->inputs[1].name, "sub/b.png");
    CHECK_STR(job->inputs[1].output, "o/b.jpg");
    CHECK_INT(job->settings.quality, 91);
    CHECK_INT(job->step_count, 1);
}

TEST("tasks are read with their ids and outputs, in pieces of any size")
{
    for (size_t piece = 1; piece <= sizeof document; piece += piece < 9 ? 1 : 37) {
        smalti_job *job;
        CHECK_OK(read_in_pieces(document, piece, &job), error);
        check_document(job);
        smalti_job_free(job);
    }
}

TEST("tasks are printed so that they read the same")
{
    smalti_job *job = NULL, *again = NULL;
    char *text = NULL, *second = NULL;
    CHECK_OK(smalti_job_parse(document, strlen(document), "batch.json", &job, &error), error);
    CHECK_OK(smalti_job_print(job, &text, &error), error);
    CHECK_HAS(text, "\"tasks\"");
    CHECK(strstr(text, "\"inputs\"") == NULL);
    CHECK_OK(smalti_job_parse(text, strlen(text), "again.json", &again, &error), error);
    check_document(again);
    CHECK_OK(smalti_job_print(again, &second, &error), error);
    CHECK_STR(second, text);
    free(text), free(second);
    smalti_job_free(job), smalti_job_free(again);
}

/* In one piece and in many the same error, at this byte. */
static void refused(const char *text, smalti_result code, const char *part, int64_t offset)
{
    static const size_t pieces[] = {1, 7, 100000};
    for (size_t i = 0; i < 3; i++) {
        smalti_job *job;
        error = (smalti_error){.offset = SMALTI_NO_OFFSET};
        CHECK_INT(read_in_pieces(text, pieces[i], &job), code);
        CHECK(job == NULL);
        CHECK_HAS(error.message, part);
        CHECK_HAS(error.message, "batch.json: ");
        if (offset >= 0)
            CHECK_INT(error.offset, offset);
    }
}

TEST("a mistake in tasks is one error that names the task or the line")
{
    refused("{\"tasks\": {}}", SMALTI_E_INVALID_TYPE, "tasks is to be an array", -1);
    refused("{\"tasks\": [3]}", SMALTI_E_INVALID_TYPE, "tasks[0] is to be an object, not a whole number", -1);
    refused("{\"tasks\": [{}]}", SMALTI_E_INVALID_KEY, "tasks[0]: a task has no input", -1);
    refused("{\"tasks\": [{\"input\": \"\"}]}", SMALTI_E_INVALID, "tasks[0]: a task has an empty input", -1);
    refused("{\"tasks\": [{\"input\": \"a\", \"id\": \"\"}]}", SMALTI_E_INVALID, "an empty id", -1);
    refused("{\"tasks\": [{\"input\": \"a\", \"name\": \"\"}]}", SMALTI_E_INVALID, "an empty name", -1);
    refused("{\"tasks\": [{\"input\": \"a\", \"output\": \"\"}]}", SMALTI_E_INVALID, "an empty output", -1);
    refused("{\"tasks\": [{\"input\": \"a\", \"output\": \"-\"}]}", SMALTI_E_INVALID, "the output of a task is a file",
            -1);
    refused("{\"tasks\": [{\"input\": \"a\"}, {\"input\": \"b\", \"id\": 7}]}", SMALTI_E_INVALID_TYPE,
            "tasks[1].id is to be a string, not a whole number", -1);
    refused("{\"tasks\": [{\"input\": \"a\", \"outptu\": \"b\"}]}", SMALTI_E_INVALID_KEY, "\"outptu\" in tasks[0]", -1);
    refused("{\"tasks\": [{\"input\": \"a\", \"input\": \"b\"}]}", SMALTI_E_INVALID, "duplicate", -1);
    refused("{\"tasks\": [], \"tasks\": []}", SMALTI_E_INVALID, "duplicate", -1);
    refused("{\"tasks\": [{\"input\": \"a\"}], \"inputs\": [\"b\"]}", SMALTI_E_INVALID_CONFLICT, "inputs or tasks", -1);
    refused("{\"tasks\": [{\"input\": \"a\"},]}", SMALTI_E_INVALID, "line 1: a task is missing before ']'", 26);
    refused("{\"tasks\": [\n,{\"input\": \"a\"}]}", SMALTI_E_INVALID, "line 2: a task is missing before ','", 12);
    refused("{\"tasks\": [\n{\"input\": \"a\"},\n{\"input\" \"a\"}]}", SMALTI_E_INVALID, "line 3: ':' expected", 40);
    refused("{\"tasks\": [{\"input\": \"a\"} x]}", SMALTI_E_INVALID, "line 1: ", -1);
    refused("{\"tasks\": [\n\n{\"input\": \"a\"}],\n\"output\" 3}", SMALTI_E_INVALID, "line 4: ':' expected", 40);
    refused("{\"tasks\": [{\"input\": \"a\"}", SMALTI_E_INVALID, "']' expected", -1);
    refused("{\"tasks\": [{\"input\": \"a", SMALTI_E_INVALID, "expected", -1);
    refused("", SMALTI_E_INVALID, "line 1: ", -1);
}

TEST("the key of tasks is found where it stands and nowhere else")
{
    static const char *const documents[] = {
        "{\"\\u0074asks\": [{\"input\": \"a\", \"id\": \"7\"}]}",
        "{\"output\": {\"dir\": \"tasks\"}, \"tasks\":[{\"input\": \"a\", \"id\": \"7\"}]}",
        "{\"tasks\"\n:\n[\n{\"input\": \"a\", \"id\": \"7\"}\n]\n}\n",
    };
    for (size_t i = 0; i < SMALTI__COUNT(documents); i++) {
        smalti_job *job;
        CHECK_OK(read_in_pieces(documents[i], 1, &job), error);
        CHECK_INT(smalti_job_input_count(job), 1);
        CHECK_STR(smalti_job_input_id(job, 0), "7");
        smalti_job_free(job);
    }
    refused("[\"tasks\": [{\"input\": \"a\"}]]", SMALTI_E_INVALID, "line 1", -1);
    refused("{\"output\": {\"tasks\": [3]}}", SMALTI_E_INVALID_KEY, "\"tasks\" in output", -1);
}

/* A plan of two tasks, with a setting or two. */
static smalti_result plan_of(const char *const tasks[2][3], const char *const (*settings)[2], smalti_plan **plan)
{
    smalti_job *job = NULL;
    CHECK_OK(smalti_job_new(&job, &error), error);
    for (int i = 0; i < 2; i++)
        CHECK_OK(smalti_job_task_add(job, tasks[i][0], tasks[i][1], tasks[i][2], &error), error);
    for (; settings && (*settings)[0]; settings++)
        CHECK_OK(smalti_job_set(job, (*settings)[0], (*settings)[1], &error), error);
    error = (smalti_error){0};
    smalti_result result = smalti_plan_new(job, plan, &error);
    smalti_job_free(job); /* what the plan shares with it stays */
    return result;
}

static void conflict(const char *const tasks[2][3], const char *key, const char *value, const char *part)
{
    const char *const settings[][2] = {{key, value}, {NULL, NULL}};
    smalti_plan *plan = NULL;
    CHECK(plan_of(tasks, settings, &plan) < 0 && !plan);
    CHECK_HAS(error.message, part);
}

TEST("outputs of tasks that cannot be are refused before anything runs")
{
    typedef const char *const pair[2][3];
    pair fine = {{"1", "a.png", "o/a.png"}, {"2", "b.png", "o/b.png"}};
    pair same = {{"1", "a.png", "o/a.png"}, {"2", "b.png", "./p/../o/a.png"}};
    pair over = {{"1", "a.png", "o/a.png"}, {"2", "b.png", "a.png"}};
    pair own = {{"1", "a.png", "./a.png"}, {"2", "b.png", "o/b.png"}};
    pair half = {{"1", "a.png", "o/a.png"}, {"2", "b.png", NULL}};
    pair ids = {{"1", "a.png", "o/a.png"}, {"1", "b.png", "o/b.png"}};
    pair odd = {{"1", "a.png", "o/a"}, {"2", "b.png", "o/b.png"}};
    go("refused");
    conflict(same, NULL, NULL, "a.png and b.png would both be written to ./p/../o/a.png");
    conflict(over, NULL, NULL, "a.png would be written over another input");
    conflict(own, NULL, NULL, "./a.png would be written over its input");
    conflict(half, NULL, NULL, "b.png has no output, though other tasks name theirs");
    conflict(ids, NULL, NULL, "tasks 0 and 1 have the same id, 1");
    conflict(odd, NULL, NULL, "o/a: no format has this extension");
    conflict(fine, "output.dir", "out", "output.dir cannot be given beside them");
    conflict(fine, "output.file", "a.png", "output.file cannot be given beside them");
    conflict(fine, "output.set", "widths=3,4", "output.set makes several files");
    smalti_plan *plan = NULL;
    CHECK_OK(plan_of(own, (const char *const[][2]){{"output.overwrite", "true"}, {0}}, &plan), error);
    smalti_plan_free(plan);
}

TEST("two names of 4,000 bytes that differ only at the end of their folder are two outputs")
{
    char names[2][4096];
    for (int i = 0; i < 2; i++) {
        size_t used = 0;
        while (used < 3900)
            used += (size_t)sprintf(names[i] + used, "%s", "a-folder-that-is-not-there/");
        sprintf(names[i] + used, "%d/x.png", i);
    }
    const char *const tasks[2][3] = {{NULL, "a.png", names[0]}, {NULL, "b.png", names[1]}};
    const char *const same[2][3] = {{NULL, "a.png", names[0]}, {NULL, "b.png", names[0]}};
    smalti_plan *plan = NULL;
    go("long");
    CHECK_OK(plan_of(tasks, NULL, &plan), error);
    smalti_plan_free(plan);
    plan = NULL;
    CHECK_INT(plan_of(same, NULL, &plan), SMALTI_E_INVALID_CONFLICT);
}

TEST("a plan keeps the inputs it was made of, whatever becomes of the job")
{
    smalti_job *job = NULL;
    smalti_plan *first = NULL, *second = NULL;
    CHECK_OK(smalti_job_new(&job, &error), error);
    CHECK_OK(smalti_job_task_add(job, "1", "a.png", NULL, &error), error);
    CHECK_OK(smalti_plan_new(job, &first, &error), error);
    CHECK(first->job->inputs == job->inputs);
    CHECK_OK(smalti_job_task_add(job, "2", "b.png", NULL, &error), error);
    CHECK(first->job->inputs != job->inputs);
    CHECK_OK(smalti_plan_new(job, &second, &error), error);
    CHECK_INT(first->job->input_count, 1);
    smalti_job_free(job);
    CHECK_STR(first->job->inputs[0].id, "1");
    smalti_plan_free(first);
    CHECK_STR(second->job->inputs[0].path, "a.png");
    CHECK_STR(second->job->inputs[1].path, "b.png");
    smalti_plan_free(second);
}

TEST("what was set can be asked for")
{
    smalti_job *job = NULL;
    char text[32];
    CHECK_OK(smalti_job_new(&job, &error), error);
    CHECK(smalti_job_get(job, "output.file", text, sizeof text) == NULL);
    CHECK(smalti_job_get(job, "output", text, sizeof text) == NULL);
    CHECK(smalti_job_get(job, "output.flie", text, sizeof text) == NULL);
    CHECK_OK(smalti_job_set(job, "output.file", "-", &error), error);
    CHECK_OK(smalti_job_set(job, "output.quality", "88", &error), error);
    CHECK_STR(smalti_job_get(job, "output.file", text, sizeof text), "-");
    CHECK_STR(smalti_job_get(job, "output.quality", text, sizeof text), "88");
    smalti_job_free(job);
}

/* ---- runs ---- */

enum { TASKS = 4 };

typedef struct seen {
    smalti_cancel *cancel;
    uint64_t victim; /* cancelled when it starts; TASKS: none */
    int started[TASKS], done[TASKS], failed[TASKS];
    smalti_result code[TASKS];
    bool wrong_id;
} seen;

static void on_event(void *user, const smalti_event *event)
{
    seen *all = user;
    char id[16];
    snprintf(id, sizeof id, "id %d", (int)event->task);
    all->wrong_id |= !event->id || strcmp(event->id, id) != 0;
    all->started[event->task] += event->kind == SMALTI_EVENT_STARTED;
    all->done[event->task] += event->kind == SMALTI_EVENT_DONE;
    all->failed[event->task] += event->kind == SMALTI_EVENT_FAILED;
    if (event->kind == SMALTI_EVENT_FAILED)
        all->code[event->task] = event->error->code;
    if (event->kind == SMALTI_EVENT_STARTED && event->task == all->victim &&
        smalti_cancel_request_task(all->cancel, event->task, NULL) < 0)
        abort();
}

static void put_picture(const char *path)
{
    smalti_image image = {.width = 40, .height = 300, .channels = 1, .sample = SMALTI_SAMPLE_U8};
    CHECK_OK(smalti_image_alloc(&image, &error), error);
    memset(image.data, 77, image.pitch * image.height);
    CHECK_OK(smalti_image_write(&image, path, NULL, &error), error);
    smalti_image_free(&image);
}

static void run_tasks(seen *all, uint32_t jobs)
{
    smalti_job *job = NULL;
    smalti_plan *plan = NULL;
    CHECK_OK(smalti_job_new(&job, &error), error);
    for (int i = 0; i < TASKS; i++) {
        char id[16], in[16], out[16];
        snprintf(id, sizeof id, "id %d", i);
        snprintf(in, sizeof in, "%d.png", i);
        snprintf(out, sizeof out, "o/%d.%s", i, i % 2 ? "jpg" : "webp");
        put_picture(in);
        CHECK_OK(smalti_job_task_add(job, id, in, out, &error), error);
    }
    CHECK_OK(smalti_plan_new(job, &plan, &error), error);
    smalti_run_options options = {
        .size = sizeof options, .jobs = jobs, .cancel = all->cancel, .event = on_event, .user = all};
    smalti_result result = smalti_plan_run(plan, &options, NULL, &error);
    CHECK_INT(result, all->victim < TASKS ? SMALTI_E_CANCELLED : SMALTI_OK);
    smalti_plan_free(plan);
    smalti_job_free(job);
}

TEST("tasks are written where they say, in the format of the name, and their events bear their ids")
{
    seen all = {.victim = TASKS};
    go("run");
    run_tasks(&all, 2);
    CHECK(!all.wrong_id);
    for (int i = 0; i < TASKS; i++) {
        char out[16];
        smalti_info info;
        snprintf(out, sizeof out, "o/%d.%s", i, i % 2 ? "jpg" : "webp");
        CHECK_OK(smalti_info_read(out, &info, &error), error);
        CHECK_STR(info.format, i % 2 ? "jpeg" : "webp");
        CHECK_INT(info.height, 300);
        CHECK_INT(all.started[i] + all.done[i], 2);
    }
}

TEST("a task that is cancelled alone leaves no output, and the others have theirs")
{
    for (uint32_t jobs = 1; jobs <= 2; jobs++) {
        seen all = {.victim = 1};
        go(jobs == 1 ? "one-lane" : "two-lanes");
        CHECK_OK(smalti_cancel_new(&all.cancel, &error), error);
        CHECK_OK(smalti_cancel_request_task(all.cancel, 3, &error), error); /* before it runs */
        run_tasks(&all, jobs);
        for (int i = 0; i < TASKS; i++) {
            char out[16];
            snprintf(out, sizeof out, "o/%d.%s", i, i % 2 ? "jpg" : "webp");
            CHECK_INT(all.started[i], i != 3);
            CHECK_INT(all.done[i], i % 2 == 0);
            CHECK_INT(all.code[i], i % 2 ? SMALTI_E_CANCELLED : SMALTI_OK);
            CHECK_INT(access(out, F_OK) == 0, i % 2 == 0);
        }
        CHECK(!smalti_cancel_requested(all.cancel));
        CHECK_INT(smalti_cancel_request_task(all.cancel, UINT64_MAX, &error), SMALTI_E_INVALID_RANGE);
        smalti_cancel_free(all.cancel);
    }
}
