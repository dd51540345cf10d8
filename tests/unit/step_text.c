/* SPDX-License-Identifier: Apache-2.0
 * The parameters of all steps, by their tables: ranges, JSON there and back, short forms. */
#include <float.h>
#include <math.h>

#include "step_run.h"

static smalti_job *new_job(void)
{
    smalti_job *job = NULL;
    CHECK_OK(smalti_job_new(&job, &error), error);
    return job;
}

/* A value that a parameter takes, and not its default; as text, and as JSON. */
static void some_value(const smalti_step_param *param, char text[64], char json[64])
{
    double number = param->min + (param->max - param->min) / 3;
    const char *second = param->choices ? strchr(param->choices, '|') : NULL;
    switch (param->type) {
    case SMALTI_STEP_NUMBER:
        snprintf(text, 64, "%.6g", number);
        snprintf(json, 64, "%s", text);
        break;
    case SMALTI_STEP_INTEGER:
        snprintf(text, 64, "%.0f", floor(number));
        snprintf(json, 64, "%s", text);
        break;
    case SMALTI_STEP_FLAG:
        snprintf(text, 64, "%s", param->def != 0 ? "false" : "true");
        snprintf(json, 64, "%s", text);
        break;
    case SMALTI_STEP_CHOICE:
        CHECK(second && second[1]);
        snprintf(text, 64, "%.*s", (int)strcspn(second + 1, "|"), second + 1);
        snprintf(json, 64, "\"%s\"", text);
        break;
    case SMALTI_STEP_COLOR:
        snprintf(text, 64, "12ab34cd");
        snprintf(json, 64, "\"%s\"", text);
        break;
    default:
        snprintf(text, 64, "some:text");
        snprintf(json, 64, "\"%s\"", text);
    }
}

static smalti_result set_one(const smalti_step_info *info, const smalti_step_param *param, const char *text)
{
    smalti__step step;
    smalti__step_init(&step, smalti__step_kind_find(info->name));
    smalti_result result = smalti__step_set(&step, param->name, text, &error);
    smalti__step_clear(&step);
    return result;
}

TEST("every parameter of every step has a summary, a range and a default in it")
{
    CHECK(smalti_step_count() > 15 && !smalti_step_describe(smalti_step_count()));
    for (size_t i = 0; i < smalti_step_count(); i++) {
        const smalti_step_info *info = smalti_step_describe(i);
        CHECK(info->name && info->summary && info->param_count <= SMALTI__STEP_VALUES);
        for (uint32_t p = 0; p < info->param_count; p++) {
            const smalti_step_param *param = &info->params[p];
            CHECK(param->name && param->summary && strlen(param->summary) < 120);
            if (param->type == SMALTI_STEP_INTEGER || param->type == SMALTI_STEP_NUMBER)
                CHECK(param->min < param->max && param->max <= INT32_MAX);
            CHECK((param->type == SMALTI_STEP_CHOICE) == (param->choices != NULL));
            for (uint32_t q = 0; q < p; q++)
                CHECK(strcmp(param->name, info->params[q].name));
        }
    }
}

TEST("every parameter takes its range and nothing else")
{
    static const char *const never[] = {"nan", "inf", "0x10", "1e999", "-1e999", "12 ", "", "one", "1,2"};
    for (size_t i = 0; i < smalti_step_count(); i++)
        for (uint32_t p = 0; p < smalti_step_describe(i)->param_count; p++) {
            const smalti_step_info *info = smalti_step_describe(i);
            const smalti_step_param *param = &info->params[p];
            char text[64], json[64];
            some_value(param, text, json);
            CHECK_OK(set_one(info, param, text), error);
            if (param->type == SMALTI_STEP_TEXT)
                continue;
            for (size_t n = 0; n < SMALTI__COUNT(never); n++)
                if (set_one(info, param, never[n]) >= 0)
                    TEST_FAIL("step %s: %s took \"%s\"", info->name, param->name, never[n]);
            CHECK_HAS(error.message, info->name);
            CHECK_HAS(error.message, param->name);
            if (param->type != SMALTI_STEP_INTEGER && param->type != SMALTI_STEP_NUMBER)
                continue;
            const double in[] = {param->min, param->max}, out[] = {param->min - 1, param->max + 1};
            for (int e = 0; e < 2; e++) {
                CHECK_OK(set_one(info, param, smalti__number_text(in[e], text)), error);
                CHECK_INT(set_one(info, param, smalti__number_text(out[e], text)), SMALTI_E_INVALID_RANGE);
            }
            if (param->type == SMALTI_STEP_INTEGER)
                CHECK_INT(set_one(info, param, "1.5"), SMALTI_E_INVALID_TYPE);
        }
}

/* Prints a job, reads what was printed, prints that: the same. */
static void check_round_trip(const char *json)
{
    smalti_job *job = NULL, *again = NULL;
    char *first = NULL, *second = NULL;
    CHECK_OK(smalti_job_parse(json, strlen(json), "job", &job, &error), error);
    CHECK_OK(smalti_job_print(job, &first, &error), error);
    CHECK_OK(smalti_job_parse(first, strlen(first), "printed", &again, &error), error);
    CHECK_OK(smalti_job_print(again, &second, &error), error);
    CHECK_STR(second, first);
    smalti_job_free(job), smalti_job_free(again);
    free(first), free(second);
}

/* With the parameter, alone or beside what the step cannot be without. */
static bool parses(const char *json)
{
    smalti_job *job = NULL;
    smalti_result result = smalti_job_parse(json, strlen(json), "job", &job, &error);
    smalti_job_free(job);
    return result == SMALTI_OK;
}

TEST("every parameter goes to JSON and back")
{
    static const char *const beside[] = {"",
                                         ", \"width\": 8",
                                         ", \"height\": 8",
                                         ", \"width\": 8, \"height\": 8",
                                         ", \"top\": 1",
                                         ", \"file\": \"a.png\"",
                                         ", \"module\": \"invert\"",
                                         ", \"width\": 8, \"height\": 8, \"fit\": \"cover\"",
                                         ", \"to\": \"srgb\""};
    for (size_t i = 0; i < smalti_step_count(); i++)
        for (uint32_t p = 0; p < smalti_step_describe(i)->param_count; p++) {
            const smalti_step_info *info = smalti_step_describe(i);
            char text[64], json[64], job[400];
            some_value(&info->params[p], text, json);
            if (!strcmp(info->params[p].name, "params"))
                snprintf(json, sizeof json, "{}");
            bool done = false;
            for (size_t b = 0; b < SMALTI__COUNT(beside) && !done; b++) {
                snprintf(job, sizeof job, "{\"steps\": [{\"%s\": {\"%s\": %s%s}}]}", info->name, info->params[p].name,
                         json, beside[b]);
                done = parses(job);
            }
            if (!done)
                TEST_FAIL("%s: %s", job, error.message);
            check_round_trip(job);
            char *printed = NULL;
            smalti_job *made = NULL;
            CHECK_OK(smalti_job_parse(job, strlen(job), "job", &made, &error), error);
            CHECK_OK(smalti_job_print(made, &printed, &error), error);
            if (strcmp(json, "{}"))
                CHECK_HAS(printed, info->params[p].name);
            free(printed);
            smalti_job_free(made);
        }
}

TEST("a step without parameters is written true, or an empty object")
{
    check_round_trip("{\"steps\": [{\"flip\": true}, {\"negate\": {}}, {\"normalise\": true}, {\"grayscale\": true}]}");
}

TEST("short forms say the same as names")
{
    static const char *const pairs[][3] = {
        {"extend", "7", "top=7,right=7,bottom=7,left=7"},
        {"extend", "1x2x3x4:mode=edge", "top=1,right=2,bottom=3,left=4,mode=edge"},
        {"blur", "3", "sigma=3"},
        {"sharpen", "2:sigma=3", "amount=2,sigma=3"},
        {"gamma", "1.5", "gamma=1.5"},
        {"threshold", "0.25", "level=0.25"},
        {"flatten", "112233", "background=112233ff"},
        {"tint", "#112233", "color=112233"},
        {"linear", "2:offset=-0.5", "multiplier=2,offset=-0.5"},
        {"modulate", "1.5:hue=90", "brightness=1.5,hue=90"},
        {"trim", "0.25", "threshold=0.25"},
        {"rotate", "180", "angle=180"},
        {"resize", "80x60", "width=80,height=60"},
    };
    for (size_t i = 0; i < SMALTI__COUNT(pairs); i++) {
        smalti_job *a = new_job(), *b = new_job();
        char *printed_a = NULL, *printed_b = NULL;
        CHECK_OK(smalti_job_step_add(a, pairs[i][0], pairs[i][1], &error), error);
        CHECK_OK(smalti_job_step_add(b, pairs[i][0], pairs[i][2], &error), error);
        CHECK_OK(smalti_job_print(a, &printed_a, &error), error);
        CHECK_OK(smalti_job_print(b, &printed_b, &error), error);
        CHECK_STR(printed_a, printed_b);
        free(printed_a), free(printed_b);
        smalti_job_free(a), smalti_job_free(b);
    }
}

TEST("what a step cannot mean is refused, with its name")
{
    static const char *const texts[][2] = {
        {"extend", ""},
        {"extend", "1x2"},
        {"extend", "1x2x3x4x5"},
        {"extend", "1x2x3x"},
        {"extend", "x"},
        {"extend", "-1"},
        {"extend", "mode=edge"},
        {"normalise", "lower=50,upper=50"},
        {"normalise", "99"},
        {"flip", "1"},
        {"tint", "12345"},
        {"blur", "0"},
        {"resize", "fit=cover"},
        {"modulate", "1,hue"},
        {"modulate", "1:hue=9,hue=9"},
        {"crop", ""},
    };
    for (size_t i = 0; i < SMALTI__COUNT(texts); i++) {
        smalti_job *job = new_job();
        if (smalti_job_step_add(job, texts[i][0], texts[i][1], &error) >= 0)
            TEST_FAIL("step %s took \"%s\"", texts[i][0], texts[i][1]);
        CHECK_HAS(error.message, texts[i][0]);
        smalti_job_free(job);
    }
}
