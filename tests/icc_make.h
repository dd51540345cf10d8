/* SPDX-License-Identifier: Apache-2.0
 * ICC profiles of every kind for tests, by plain lcms2: independent of Smalti's own code. */
#ifndef SMALTI_ICC_MAKE_H
#define SMALTI_ICC_MAKE_H

#include <stdint.h>
#include <stdlib.h>

#include <lcms2.h>

/* Owned: free(). Closes the profile. */
static inline uint8_t *icc_bytes(cmsHPROFILE profile, size_t *size)
{
    cmsUInt32Number bytes = 0;
    cmsSaveProfileToMem(profile, NULL, &bytes);
    uint8_t *data = malloc(bytes);
    cmsSaveProfileToMem(profile, data, &bytes);
    cmsCloseProfile(profile);
    *size = bytes;
    return data;
}

static inline const double *icc_primaries_adobe(void)
{
    static const double xy[8] = {0.64, 0.33, 0.21, 0.71, 0.15, 0.06, 0.3127, 0.3290};
    return xy;
}

/* Primaries and white as x, y; one gamma. */
static inline uint8_t *icc_gamma(const double xy[8], double gamma, size_t *size)
{
    cmsCIExyYTRIPLE primaries = {{xy[0], xy[1], 1}, {xy[2], xy[3], 1}, {xy[4], xy[5], 1}};
    cmsCIExyY white = {xy[6], xy[7], 1};
    cmsToneCurve *curve = cmsBuildGamma(NULL, gamma);
    cmsToneCurve *curves[3] = {curve, curve, curve};
    cmsHPROFILE profile = cmsCreateRGBProfile(&white, &primaries, curves);
    cmsFreeToneCurve(curve);
    return icc_bytes(profile, size);
}

static inline uint8_t *icc_srgb(size_t *size)
{
    return icc_bytes(cmsCreate_sRGBProfile(), size);
}

/* sRGB as old profiles have it: version 2, a curve of 1024 points. */
static inline uint8_t *icc_srgb_table(size_t *size)
{
    cmsHPROFILE profile = cmsCreate_sRGBProfile();
    uint16_t points[1024];
    cmsToneCurve *exact = cmsReadTag(profile, cmsSigRedTRCTag);
    for (int i = 0; i < 1024; i++)
        points[i] = (uint16_t)(65535.0f * cmsEvalToneCurveFloat(exact, (float)i / 1023) + 0.5f);
    cmsToneCurve *table = cmsBuildTabulatedToneCurve16(NULL, 1024, points);
    cmsSetProfileVersion(profile, 2.1);
    cmsWriteTag(profile, cmsSigRedTRCTag, table);
    cmsWriteTag(profile, cmsSigGreenTRCTag, table);
    cmsWriteTag(profile, cmsSigBlueTRCTag, table);
    cmsFreeToneCurve(table);
    return icc_bytes(profile, size);
}

static inline uint8_t *icc_gray(double gamma, size_t *size)
{
    cmsToneCurve *curve = cmsBuildGamma(NULL, gamma);
    cmsHPROFILE profile = cmsCreateGrayProfile(cmsD50_xyY(), curve);
    cmsFreeToneCurve(curve);
    return icc_bytes(profile, size);
}

static cmsInt32Number icc_sample_rgb(const cmsUInt16Number in[], cmsUInt16Number out[], void *user)
{
    cmsFloat64Number average = (in[0] + in[1] + in[2]) / 3.0 / 65535;
    cmsCIELab lab = {100 * average, (in[0] - in[1]) / 65535.0 * 60, (in[1] - in[2]) / 65535.0 * 60};
    (void)user;
    cmsFloat2LabEncoded(out, &lab);
    return 1;
}

static cmsInt32Number icc_sample_cmyk(const cmsUInt16Number in[], cmsUInt16Number out[], void *user)
{
    double c = in[0] / 65535.0, m = in[1] / 65535.0, y = in[2] / 65535.0, k = in[3] / 65535.0;
    cmsCIELab lab = {100 * (1 - k) * (1 - (c + m + y) / 3), 60 * (m - c) * (1 - k), 60 * (y - (c + m) / 2) * (1 - k)};
    (void)user;
    cmsFloat2LabEncoded(out, &lab);
    return 1;
}

/* A table from RGB, or from CMYK, to Lab. */
static inline uint8_t *icc_table(int inks, size_t *size)
{
    cmsHPROFILE profile = cmsCreateProfilePlaceholder(NULL);
    cmsSetProfileVersion(profile, 4.2);
    cmsSetDeviceClass(profile, inks == 4 ? cmsSigOutputClass : cmsSigInputClass);
    cmsSetColorSpace(profile, inks == 4 ? cmsSigCmykData : cmsSigRgbData);
    cmsSetPCS(profile, cmsSigLabData);
    cmsPipeline *pipeline = cmsPipelineAlloc(NULL, (cmsUInt32Number)inks, 3);
    cmsStage *stage = cmsStageAllocCLut16bit(NULL, 5, (cmsUInt32Number)inks, 3, NULL);
    cmsStageSampleCLut16bit(stage, inks == 4 ? icc_sample_cmyk : icc_sample_rgb, NULL, 0);
    cmsToneCurve *line = cmsBuildGamma(NULL, 1.0), *lines[4] = {line, line, line, line};
    cmsPipelineInsertStage(pipeline, cmsAT_END, cmsStageAllocToneCurves(NULL, (cmsUInt32Number)inks, lines));
    cmsPipelineInsertStage(pipeline, cmsAT_END, stage);
    cmsPipelineInsertStage(pipeline, cmsAT_END, cmsStageAllocToneCurves(NULL, 3, lines));
    cmsWriteTag(profile, cmsSigAToB0Tag, pipeline);
    cmsWriteTag(profile, cmsSigMediaWhitePointTag, cmsD50_XYZ());
    cmsFreeToneCurve(line);
    cmsPipelineFree(pipeline);
    return icc_bytes(profile, size);
}

#endif
