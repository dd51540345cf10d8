/* SPDX-License-Identifier: Apache-2.0
 * Tables from .cube files: what is read, what is refused, and what colours become. */
#include "step_run.h"

#include <math.h>

#include "files.h"
#include "pixel/srgb.h"
#include "step/cube.h"
#include "step/tone.h"

static smalti__cube parse(const char *text)
{
    smalti__cube cube;
    CHECK_OK(smalti__cube_parse(text, strlen(text), "a.cube", &cube, &error), error);
    return cube;
}

static smalti_result refuse(const char *text, const char *why)
{
    smalti__cube cube;
    char *exact = malloc(strlen(text) + 1);
    memcpy(exact, text, strlen(text)); /* without its NUL */
    smalti_result result = smalti__cube_parse(exact, strlen(text), "a.cube", &cube, &error);
    free(exact);
    CHECK(result < 0);
    CHECK_HAS(error.message, "a.cube: ");
    CHECK_HAS(error.message, why);
    return result;
}

/* A cube of edge size whose entries are those of fn; owned. */
static char *make_cube(uint32_t size, void (*fn)(const double in[3], double out[3]))
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    fprintf(out, "# made by a test\r\nTITLE \"a look\"\r\nLUT_3D_SIZE %u\n\n", size);
    for (uint32_t i = 0; i < size * size * size; i++) {
        double in[3] = {i % size, i / size % size, i / size / size}, made[3];
        for (int c = 0; c < 3; c++)
            in[c] /= size - 1;
        fn(in, made);
        fprintf(out, "%.7f %.7f\t%.7f \n", made[0], made[1], made[2]);
    }
    fclose(out);
    return text;
}

static void mixed(const double in[3], double out[3]) /* linear: interpolation is exact */
{
    out[0] = 0.1 + 0.5 * in[0] + 0.2 * in[1];
    out[1] = in[2] - 0.3 * in[0];
    out[2] = 1.5 * in[1] * 0.5 + in[2] * 0.25;
}

static void curved(const double in[3], double out[3])
{
    for (int c = 0; c < 3; c++)
        out[c] = in[c] * in[c] * in[(c + 1) % 3];
}

TEST("a cube is interpolated, exactly where it is linear and on its gray diagonal")
{
    char *text = make_cube(5, mixed);
    smalti__cube cube = parse(text);
    CHECK(cube.cubic && cube.size == 5);
    for (uint32_t i = 0; i < 4000; i++) {
        float in[3] = {(float)(i % 16) / 15, (float)(i / 16 % 16) / 15, (float)(i / 256) / 15}, out[3];
        double at[3] = {(double)in[0], (double)in[1], (double)in[2]}, expected[3];
        smalti__cube_apply(&cube, in, out);
        mixed(at, expected);
        for (int c = 0; c < 3; c++)
            CHECK(fabs((double)out[c] - expected[c]) < 1e-5);
    }
    free(text);
    smalti__cube_clear(&cube);
    text = make_cube(9, curved);
    cube = parse(text);
    for (uint32_t i = 0; i <= 8; i++) { /* at its entries it is exact, whatever it is */
        float in[3] = {(float)i / 8, (float)(8 - i) / 8, (float)(i * 3 % 9) / 8}, out[3];
        double at[3] = {(double)in[0], (double)in[1], (double)in[2]}, expected[3];
        smalti__cube_apply(&cube, in, out);
        curved(at, expected);
        for (int c = 0; c < 3; c++)
            CHECK(fabs((double)out[c] - expected[c]) < 1e-5);
    }
    for (uint32_t i = 0; i < 80; i++) { /* gray: between two entries of the diagonal, and no other */
        float v = (float)i / 80, in[3] = {v, v, v}, out[3];
        double low = floor((double)v * 8) / 8, high = low + 0.125, f = ((double)v - low) * 8;
        smalti__cube_apply(&cube, in, out);
        CHECK(fabs((double)out[1] - (pow(low, 3) * (1 - f) + pow(high, 3) * f)) < 1e-5);
    }
    free(text);
    smalti__cube_clear(&cube);
}

TEST("a curve is looked up for each channel, in its domain")
{
    smalti__cube cube = parse("LUT_1D_SIZE 3\nDOMAIN_MIN -1 0 0\nDOMAIN_MAX 1 2 1\n0 1 0\n0.5 2 0\n1 4 8\n");
    CHECK(!cube.cubic && cube.size == 3);
    const float in[][3] = {{-1, 0, 0}, {0, 1, 0.5f}, {0.5f, 1.5f, 0.75f}, {9, -9, INFINITY}, {NAN, -INFINITY, 1}};
    const float expected[][3] = {{0, 1, 0}, {0.5f, 2, 0}, {0.75f, 3, 4}, {1, 1, 8}, {0, 1, 8}};
    for (size_t i = 0; i < 5; i++) {
        float out[3];
        smalti__cube_apply(&cube, in[i], out);
        for (int c = 0; c < 3; c++)
            CHECK(fabsf(out[c] - expected[i][c]) < 1e-6f);
    }
    smalti__cube_clear(&cube);
    cube = parse("LUT_1D_INPUT_RANGE 0 4\nLUT_1D_SIZE 2\n0 0 0\n1 1 1");
    float out[3];
    smalti__cube_apply(&cube, (const float[3]){1, 2, 3}, out);
    CHECK(out[0] == 0.25f && out[1] == 0.5f && out[2] == 0.75f);
    smalti__cube_clear(&cube);
}

TEST("files that are no tables are refused with the line")
{
    CHECK_INT(refuse("", "no table"), SMALTI_E_FORMAT);
    CHECK_INT(refuse("LUT_1D_SIZE 3\n0 0 0\n1 1 1\n", "after 2 of 3 entries"), SMALTI_E_FORMAT_TRUNCATED);
    CHECK_INT(refuse("LUT_1D_SIZE 2\n0 0 0\n1 1 1\n1 1 1\n", "more entries than the table has in line 4"),
              SMALTI_E_FORMAT);
    CHECK_INT(refuse("LUT_1D_SIZE 2\n0 0\n1 1 1\n", "not three numbers in line 2"), SMALTI_E_FORMAT);
    CHECK_INT(refuse("LUT_1D_SIZE 2\n0 0 nan\n1 1 1\n", "not three numbers"), SMALTI_E_FORMAT);
    CHECK_INT(refuse("LUT_1D_SIZE 2\n0 0 0 0\n1 1 1\n", "not three numbers"), SMALTI_E_FORMAT);
    CHECK_INT(refuse("LUT_1D_SIZE 1\n0 0 0\n", "2 to 65536"), SMALTI_E_FORMAT);
    CHECK_INT(refuse("LUT_1D_SIZE 2.5\n0 0 0\n", "2 to 65536"), SMALTI_E_FORMAT);
    CHECK_INT(refuse("LUT_3D_SIZE 300\n0 0 0\n", "2 to 256"), SMALTI_E_FORMAT);
    CHECK_INT(refuse("LUT_3D_SIZE 256\n0 0 0\n", "entries that the file has not"), SMALTI_E_FORMAT_TRUNCATED);
    CHECK_INT(refuse("LUT_1D_SIZE 2\n0 0 0\n1 1 1\nLUT_3D_SIZE 2\n", "a second table"), SMALTI_E_UNSUPPORTED);
    CHECK_INT(refuse("DOMAIN_MIN 1 1 1\nLUT_1D_SIZE 2\n0 0 0\n1 1 1\n", "empty"), SMALTI_E_FORMAT);
    CHECK_INT(refuse("HELLO 1\n", "an unknown word 'HELLO' in line 1"), SMALTI_E_FORMAT);
    CHECK_INT(refuse("1 1 1\n", "in line 1"), SMALTI_E_FORMAT);
    char line[600];
    memset(line, '1', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    CHECK_INT(refuse(line, "more than 250 bytes"), SMALTI_E_FORMAT);
}

/* Over a row of colours with alpha. */
static smalti_image look(const char *options, const smalti_image *in)
{
    char text[700];
    snprintf(text, sizeof text, "lut %s%s", file_path("a.cube"), options);
    return run_steps(text, in, 1);
}

TEST("the step looks colours up, in part where it is asked to, and alpha stays")
{
    char *text = make_cube(17, mixed);
    CHECK(file_write(file_path("a.cube"), text, strlen(text)));
    free(text);
    float data[64 * 4];
    for (size_t i = 0; i < 64 * 4; i++)
        data[i] = (float)(i * 37 % 64) / 63;
    const smalti_image in = {64, 1, 4, SMALTI_SAMPLE_F32, sizeof data, data};
    smalti_image whole = look("", &in), half = look(":strength=0.5", &in);
    for (size_t i = 0; i < 64 * 4; i++) {
        double at[3], expected[3], is = (double)((float *)whole.data)[i], part = (double)((float *)half.data)[i];
        for (size_t c = 0; c < 3; c++)
            at[c] = (double)data[i / 4 * 4 + c];
        mixed(at, expected);
        double wanted = i % 4 == 3 ? (double)data[i] : expected[i % 4];
        CHECK(fabs(is - wanted) < 1e-5);
        CHECK(fabs(part - (wanted + (double)data[i]) / 2) < 1e-5);
    }
    smalti_image_free(&whole);
    smalti_image_free(&half);
    /* gray becomes a colour, of 8 bits again */
    uint8_t bytes[8] = {0, 30, 60, 90, 120, 150, 200, 255};
    const smalti_image gray = {8, 1, 1, SMALTI_SAMPLE_U8, 8, bytes};
    smalti_image colored = look("", &gray);
    CHECK(colored.channels == 3 && colored.sample == SMALTI_SAMPLE_U8);
    CHECK_INT(((uint8_t *)colored.data)[0], 26); /* 0.1 */
    smalti_image_free(&colored);
}

TEST("a table for light gets light, and one for encoded values those")
{
    static smalti__program program;
    smalti__step steps[2];
    char text[512];
    CHECK(file_write(file_path("b.cube"), "LUT_1D_SIZE 2\n0 0 0\n1 1 1\n", 26));
    for (int light = 0; light < 2; light++)
        for (int input = 0; input < 2; input++) {
            snprintf(text, sizeof text, "lut %.450s:input=%s", file_path("b.cube"), input ? "linear" : "srgb");
            CHECK_INT(make_steps(steps, text), 1);
            const smalti__flow_setup setup = {.steps = steps,
                                              .step_count = 1,
                                              .in = {4, 4, 3, SMALTI_SAMPLE_F32, false},
                                              .light = {.linear = light},
                                              .shown = SMALTI_SAMPLE_U8,
                                              .orientation = 1};
            CHECK_OK(smalti__flow_program(&setup, &program, &error), error);
            CHECK_INT(program.count, light && !input ? 2 : 1);
            CHECK_STR(program.nodes[program.count - 1].kind->name, "lut"); /* and nothing shows it again */
            if (program.count == 2)
                CHECK_STR(program.nodes[0].kind->name, "show");
            smalti__step_clear(&steps[0]);
        }
}

TEST("a table that is not there, or contradicts itself, is an error of the job")
{
    smalti__step step;
    const smalti__step_env env = {0};
    smalti__step_init(&step, &smalti__step_lut);
    CHECK_INT(smalti__step_lut.check(&step, &error), SMALTI_E_INVALID);
    CHECK_OK(smalti__step_parse(&step, "/nowhere/a.cube:input=linear,strength=0.5", &error), error);
    CHECK_INT(smalti__step_lut.check(&step, &error), SMALTI_E_INVALID_CONFLICT);
    CHECK_INT(smalti__step_lut.prepare(&step, &env, &error), SMALTI_E_IO);
    CHECK_HAS(error.message, "/nowhere/a.cube");
    smalti__step_clear(&step);
}
