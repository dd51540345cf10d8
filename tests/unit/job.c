/* SPDX-License-Identifier: Apache-2.0
 * The job document: what is read, what is refused, and which names outputs get. */
#include <smalti/job.h>

#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/plan.h"
#include "test.h"

static smalti_error error;

static smalti_job *parse(const char *json)
{
    smalti_job *job = NULL;
    CHECK_OK(smalti_job_parse(json, strlen(json), "job.json", &job, &error), error);
    return job;
}

/* The job must be refused with this code, and the message must have this part. */
static void refused(const char *json, smalti_result code, const char *part)
{
    smalti_job *job = NULL;
    error = (smalti_error){0};
    CHECK_INT(smalti_job_parse(json, strlen(json), "job.json", &job, &error), code);
    CHECK(job == NULL);
    CHECK_HAS(error.message, part);
    CHECK_HAS(error.message, "job.json: ");
    CHECK(strchr(error.message, '\n') == NULL);
}

TEST("a job is read as it is written and printed so that it reads the same")
{
    smalti_job *job = parse("{\"inputs\": [{\"path\": \"x/a.png\", \"name\": \"a.png\"}, \"-\"],"
                            " \"steps\": [{\"kernel\": {\"module\": \"k\", \"params\": {\"amount\": 0.25, \"n\": 3}}}],"
                            " \"output\": {\"dir\": \"out\", \"quality\": 91, \"metadata\": \"all\", \"background\": "
                            "\"#0a0B0c\", \"subsampling\": 444}, \"input\": {\"orient\": false}}");
    CHECK_INT(smalti_job_input_count(job), 2);
    CHECK_STR(job->inputs[0].name, "a.png");
    CHECK_STR(job->steps[0].values[1].text, "amount=0.25,n=3");
    CHECK_INT(job->settings.quality, 91);
    CHECK_INT(job->settings.background, 0x0a0b0c);
    CHECK_INT(job->settings.metadata, SMALTI__METADATA_ALL);
    CHECK_INT(job->settings.orient, false);
    char *text = NULL, *again = NULL;
    CHECK_OK(smalti_job_print(job, &text, &error), error);
    smalti_job *copy = parse(text);
    CHECK_OK(smalti_job_print(copy, &again, &error), error);
    CHECK_STR(again, text);
    free(text);
    free(again);
    smalti_job_free(copy);
    smalti_job_free(job);
}

TEST("what JSON cannot say is an error, and standard input keeps its name")
{
    char *text = NULL;
    smalti_job *job = parse("{\"inputs\": [{\"path\": \"-\", \"name\": \"a.jpg\"}]}");
    CHECK_OK(smalti_job_print(job, &text, &error), error);
    CHECK_HAS(text, "\"name\": \"a.jpg\"");
    free(text);
    CHECK_OK(smalti_job_input_add(job, "odd-\xff.png", &error), error);
    CHECK_INT(smalti_job_print(job, &text, &error), SMALTI_E_INVALID);
    CHECK_HAS(error.message, "odd-");
    smalti_job_free(job);
}

TEST("a mistake in a job is one error that names the key")
{
    refused("{\"output\": {\"qualty\": 3}}", SMALTI_E_INVALID_KEY, "\"qualty\" in output: it has dir, file");
    refused("{\"outputs\": {}}", SMALTI_E_INVALID_KEY, "\"outputs\"");
    refused("{\"output\": {\"quality\": 0}}", SMALTI_E_INVALID_RANGE, "output.quality is 1 to 100, not 0");
    refused("{\"output\": {\"quality\": -1}}", SMALTI_E_INVALID_RANGE, "output.quality");
    refused("{\"output\": {\"quality\": \"80\"}}", SMALTI_E_INVALID_TYPE, "output.quality is to be a whole number");
    refused("{\"output\": {\"quality\": 80.5}}", SMALTI_E_INVALID_TYPE, "output.quality");
    refused("{\"output\": {\"subsampling\": 421}}", SMALTI_E_INVALID_RANGE, "420|422|444");
    refused("{\"output\": {\"metadata\": \"some\"}}", SMALTI_E_INVALID_RANGE, "icc|all|none");
    refused("{\"output\": {\"background\": \"red\"}}", SMALTI_E_INVALID_TYPE, "RRGGBB");
    refused("{\"output\": {\"overwrite\": 1}}", SMALTI_E_INVALID_TYPE, "output.overwrite");
    refused("{\"output\": []}", SMALTI_E_INVALID_TYPE, "output is to be an object, not an array");
    refused("{\"steps\": {}}", SMALTI_E_INVALID_TYPE, "steps");
    refused("{\"steps\": [{\"resize\": {}}]}", SMALTI_E_INVALID, "steps[0]: step resize takes width");
    refused("{\"steps\": [{\"flip\": true}, {\"rezise\": {}}]}", SMALTI_E_INVALID_KEY, "there is no step \"rezise\"");
    refused("{\"steps\": [{\"resize\": {\"width\": \"8\"}}]}", SMALTI_E_INVALID_TYPE,
            "steps[0]: resize.width is to be a whole number, not a string");
    refused("{\"steps\": [{\"resize\": {\"widht\": 8}}]}", SMALTI_E_INVALID_KEY,
            "no parameter \"widht\": it has width");
    refused("{\"steps\": [{\"resize\": {\"width\": 0}}]}", SMALTI_E_INVALID_RANGE, "from 1 to");
    refused("{\"steps\": [{\"resize\": {\"width\": 8, \"percent\": 3}}]}", SMALTI_E_INVALID, "steps[0]: step resize");
    refused("{\"steps\": [{\"resize\": {\"width\": 8, \"fit\": \"best\"}}]}", SMALTI_E_INVALID_RANGE,
            "inside|outside|cover|contain|fill");
    refused("{\"steps\": [{\"kernel\": {}}]}", SMALTI_E_INVALID_KEY, "steps[0].kernel has no module");
    refused("{\"steps\": [{\"kernel\": {\"module\": \"k\", \"params\": {\"a\": \"1\"}}}]}", SMALTI_E_INVALID_TYPE,
            "steps[0].kernel.params.a");
    refused("{\"inputs\": [1]}", SMALTI_E_INVALID_TYPE, "inputs[0]");
    refused("{\"inputs\": [\"/nonexistent/*.png\"]}", SMALTI_E_IO, "/nonexistent/");
    refused("{\"inputs\": [{\"path\": \"\", \"name\": \"a.png\"}]}", SMALTI_E_INVALID, "inputs[0]");
    refused("{\"inputs\": [{\"path\": \"a.png\", \"name\": \"\"}]}", SMALTI_E_INVALID, "inputs[0]");
    refused("{\"limits\": {\"metadata\": 0}}", SMALTI_E_INVALID_RANGE, "limits.metadata is 1 to");
    refused("[]", SMALTI_E_INVALID_TYPE, "a job is to be an object");
    refused("{\"output\": {}, \"output\": {}}", SMALTI_E_INVALID, "duplicate");
    refused("{\"output\": ", SMALTI_E_INVALID, "line 1");
    refused("", SMALTI_E_INVALID, "line");
}

TEST("values are set by their place in the document")
{
    smalti_job *job = NULL;
    CHECK_OK(smalti_job_new(&job, &error), error);
    CHECK_OK(smalti_job_set(job, "output.format", "png", &error), error);
    CHECK_OK(smalti_job_set(job, "limits.pixels", "100", &error), error);
    CHECK_STR(job->settings.format, "png");
    CHECK_INT(job->settings.pixels, 100);
    CHECK_INT(smalti_job_set(job, "output.speed", "1", &error), SMALTI_E_INVALID_KEY);
    CHECK_HAS(error.message, "png_effort");
    CHECK_INT(smalti_job_set(job, "output", "1", &error), SMALTI_E_INVALID_KEY);
    CHECK_INT(smalti_job_set(job, "output.quality", "8x", &error), SMALTI_E_INVALID_TYPE);
    CHECK_INT(smalti_job_set(job, "output.quality", "99999999999999999999", &error), SMALTI_E_INVALID_RANGE);
    CHECK_INT(smalti_job_set(job, "output.overwrite", "yes", &error), SMALTI_E_INVALID_TYPE);
    smalti_job_free(job);
}

/* ---- folders and names ---- */

static char folder[64];

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/smalti-job-XXXXXX");
    CHECK(mkdtemp(folder) != NULL && chdir(folder) == 0);
}

static void touch(const char *path)
{
    char parent[128];
    snprintf(parent, sizeof parent, "%s", path);
    for (char *slash = strchr(parent, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(parent, 0777);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    fclose(file);
}

static void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    CHECK(chdir("/") == 0 && system(command) == 0);
}

TEST("folders and patterns become sorted inputs that keep their folders")
{
    make_folder();
    touch("in/b.png"), touch("in/a.JPG"), touch("in/notes.txt"), touch("in/.hidden.png"), touch("in/sub/c.jpeg");
    smalti_job *job = NULL;
    CHECK_OK(smalti_job_new(&job, &error), error);
    CHECK_OK(smalti_job_input_expand(job, "in", false, &error), error);
    CHECK_INT(job->input_count, 2);
    CHECK_STR(job->inputs[0].path, "in/a.JPG");
    CHECK_STR(job->inputs[1].name, "b.png");
    CHECK_OK(smalti_job_input_expand(job, "in/", true, &error), error);
    CHECK_INT(job->input_count, 5);
    CHECK_STR(job->inputs[4].name, "sub/c.jpeg");
    CHECK_OK(smalti_job_input_expand(job, "i*/*.png", false, &error), error);
    CHECK_STR(job->inputs[5].path, "in/b.png");
    CHECK_STR(job->inputs[5].name, "in/b.png");
    CHECK_OK(smalti_job_input_expand(job, "in/**/*.jpeg", false, &error), error);
    CHECK_INT(job->input_count, 7);
    CHECK_STR(job->inputs[6].name, "sub/c.jpeg");
    CHECK_INT(smalti_job_input_expand(job, "in/*.gif", false, &error), SMALTI_E_INVALID);
    CHECK_HAS(error.message, "in/*.gif: nothing matches");
    CHECK_INT(smalti_job_input_expand(job, "out/*.png", false, &error), SMALTI_E_IO);
    CHECK_INT(job->input_count, 7);
    CHECK_OK(smalti_job_input_expand(job, "gone.png", false, &error), error); /* its task will fail */
    CHECK_INT(job->input_count, 8);
    smalti_job_free(job);
    remove_folder();
}

TEST("a place for a frame's number takes the numbers of a sequence")
{
    make_folder();
    touch("in/shot.0001.exr"), touch("in/shot.0012.exr"), touch("in/shot.10000.exr"), touch("in/shot.01.exr");
    touch("in/shot.00013.exr"), touch("in/shot.abcd.exr"), touch("in/shot.-0003.exr"), touch("in/a#b.exr");
    smalti_job *job = NULL;
    CHECK_OK(smalti_job_new(&job, &error), error);
    CHECK_OK(smalti_job_input_expand(job, "in/shot.####.exr", false, &error), error);
    CHECK_INT(job->input_count, 4); /* not 00013, which has one digit too many, nor 01 */
    CHECK_STR(job->inputs[0].name, "shot.-0003.exr");
    CHECK_STR(job->inputs[1].name, "shot.0001.exr");
    CHECK_STR(job->inputs[3].name, "shot.10000.exr");
    CHECK_OK(smalti_job_input_expand(job, "in/shot.%04d.exr", false, &error), error);
    CHECK_INT(job->input_count, 8);
    CHECK_OK(smalti_job_input_expand(job, "i*/shot.%d.exr", false, &error), error);
    CHECK_INT(job->input_count, 9); /* only 10000 has no zeros before it */
    CHECK_OK(smalti_job_input_expand(job, "in/a#b.exr", false, &error), error); /* the file's own name */
    CHECK_INT(job->input_count, 10);
    CHECK_INT(smalti_job_input_expand(job, "in/shot.########.exr", false, &error), SMALTI_E_INVALID);
    CHECK_HAS(error.message, "nothing matches");
    smalti_job_free(job);
    remove_folder();
}

TEST("a folder that contains itself by a link is read once")
{
    make_folder();
    touch("in/a.png"), touch("in/sub/b.png");
    CHECK(symlink(".", "in/self") == 0 && symlink("../..", "in/sub/up") == 0);
    smalti_job *job = NULL;
    CHECK_OK(smalti_job_new(&job, &error), error);
    CHECK_OK(smalti_job_input_expand(job, "in", true, &error), error);
    CHECK_INT(job->input_count, 2);
    CHECK_OK(smalti_job_input_expand(job, "in/**/*.png", false, &error), error);
    CHECK_INT(job->input_count, 4);
    smalti_job_free(job);
    remove_folder();
}

static char *output_of(const char *path, const char *name, const char *key, const char *value, const char *format)
{
    smalti_job *job = NULL;
    smalti_plan *plan = NULL;
    char *output = NULL;
    CHECK_OK(smalti_job_new(&job, &error), error);
    CHECK_OK(smalti__job_input_append(job, &(smalti__input){.path = path, .name = name, .fd = -1}, &error), error);
    CHECK_OK(smalti_job_set(job, "output.dir", "out", &error), error);
    if (key)
        CHECK_OK(smalti_job_set(job, key, value, &error), error);
    if (format)
        CHECK_OK(smalti_job_set(job, "output.format", format, &error), error);
    CHECK_OK(smalti_plan_new(job, &plan, &error), error);
    CHECK_OK(smalti__plan_output(plan, 0, 0, NULL, &output, &error), error);
    smalti_plan_free(plan);
    smalti_job_free(job);
    return output;
}

#define CHECK_OUTPUT(expected, ...)             \
    do {                                        \
        char *test_o_ = output_of(__VA_ARGS__); \
        CHECK_STR(test_o_, expected);           \
        free(test_o_);                          \
    } while (0)

TEST("output names come from the template, the input's folders and the format")
{
    CHECK_OUTPUT("out/a.png", "in/a.png", "a.png", NULL, NULL, NULL);
    CHECK_OUTPUT("out/a.JPEG", "in/a.JPEG", "a.JPEG", NULL, NULL, NULL);
    CHECK_OUTPUT("out/a.jpg", "in/a.png", "a.png", NULL, NULL, "jpeg");
    CHECK_OUTPUT("out/a.jpeg", "in/a.jpeg", "a.jpeg", NULL, NULL, "jpeg");
    CHECK_OUTPUT("out/sub/a.b.png", "in/sub/a.b.png", "sub/a.b.png", NULL, NULL, NULL);
    CHECK_OUTPUT("out/scan.png", "in/scan", "scan", NULL, NULL, NULL);
    CHECK_OUTPUT("out/.hidden.png", "in/.hidden", ".hidden", NULL, NULL, NULL);
    CHECK_OUTPUT("out/sub/thumb-a.png", "sub/a.png", "sub/a.png", "output.template", "thumb-{stem}{ext}", NULL);
    CHECK_OUTPUT("out/000000-sub/a.png", "sub/a.png", "sub/a.png", "output.template", "{index}-{dir}/{name}", NULL);
    CHECK_OUTPUT("out/a.jpg", "a.png", "a.png", "output.template", "{stem}.jpg", NULL);
}

static void conflict(const char *a, const char *b, const char *dir, bool overwrite, const char *part)
{
    smalti_job *job = NULL;
    smalti_plan *plan = NULL;
    CHECK_OK(smalti_job_new(&job, &error), error);
    CHECK_OK(smalti_job_input_add(job, a, &error), error);
    if (b)
        CHECK_OK(smalti_job_input_add(job, b, &error), error);
    CHECK_OK(smalti_job_set(job, "output.dir", dir, &error), error);
    CHECK_OK(smalti_job_set(job, "output.overwrite", overwrite ? "true" : "false", &error), error);
    error = (smalti_error){0};
    smalti_result result = smalti_plan_new(job, &plan, &error);
    CHECK_INT(result, part ? SMALTI_E_INVALID_CONFLICT : SMALTI_OK);
    if (part)
        CHECK_HAS(error.message, part);
    smalti_plan_free(plan);
    smalti_job_free(job);
}

TEST("outputs that meet each other or an input are refused before anything runs")
{
    make_folder();
    touch("x/a.png"), touch("y/a.png"), touch("y/b.png");
    CHECK(symlink("x", "link") == 0);
    conflict("x/a.png", "y/a.png", "out", false, "x/a.png and y/a.png would both be written to out/a.png");
    conflict("x/a.png", "y/b.png", "out", false, NULL);
    conflict("x/a.png", NULL, "x", false, "over its input");
    conflict("x/a.png", NULL, "./y/../x/", false, "over its input");
    conflict("x/a.png", NULL, "link", false, "over its input");
    conflict("x/a.png", NULL, "new/../x", false, "over its input");
    conflict("x/a.png", NULL, "new/er/../../link", false, "over its input");
    conflict("x/a.png", NULL, "x", true, NULL);
    touch("x/two\nlines.png"), touch("y/two\nlines.png");
    conflict("x/two\nlines.png", "y/two\nlines.png", "out", false, "x/two\\x0alines.png and y/two\\x0alines.png would");
    conflict("x/two\nlines.png", NULL, "x", false, "x/two\\x0alines.png would be written over its input");
    CHECK(symlink("../x/a.png", "y/linked.png") == 0 && symlink("../out/c.png", "y/c.png") == 0);
    touch("out/c.png"), touch("x/c.png");
    conflict("x/c.png", "y/linked.png", "x/new", false, NULL);
    conflict("x/c.png", "y/b.png", "out", false, NULL);
    conflict("y/c.png", "y/b.png", "out", false, "out/c.png would be written over its input");
    CHECK(symlink("../out/a.png", "y/other.png") == 0);
    touch("out/a.png");
    conflict("x/a.png", "y/other.png", "out", false, "out/a.png would be written over another input");
    conflict("x/a.png", "x/a.png", "out", false, "both");
    remove_folder();
}

TEST("a template or output that cannot be is refused")
{
    smalti_job *job = NULL;
    smalti_plan *plan = NULL;
    CHECK_OK(smalti_job_new(&job, &error), error);
    CHECK_OK(smalti_job_input_add(job, "a.png", &error), error);
    CHECK_OK(smalti_job_set(job, "output.dir", "out", &error), error);
    CHECK_OK(smalti_job_set(job, "output.template", "{stm}{ext}", &error), error);
    CHECK_INT(smalti_plan_new(job, &plan, &error), SMALTI_E_INVALID_KEY);
    CHECK_HAS(error.message, "{stm}");
    CHECK_OK(smalti_job_set(job, "output.template", "{stem}.gif", &error), error);
    CHECK_INT(smalti_plan_new(job, &plan, &error), SMALTI_E_INVALID);
    CHECK_HAS(error.message, "out/a.gif");
    CHECK_OK(smalti_job_set(job, "output.format", "gif", &error), error);
    CHECK_INT(smalti_plan_new(job, &plan, &error), SMALTI_E_INVALID_RANGE);
    smalti_job_free(job);
}
