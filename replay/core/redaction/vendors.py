"""How vendors' keys look: the prefixes that they publish, as secret scanners (gitleaks, GitHub, GitLab) list them."""

from __future__ import annotations

_UUID = r"[a-f0-9]{8}(?:-[a-f0-9]{4}){3}-[a-f0-9]{12}"
VENDORS = (
    # cloud
    r"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}+", r"AIza[\w-]{35}+", r"ya29\.[\w-]{20,400}+", r"GOCSPX-[\w-]{24,40}+",
    r"do[opr]_v1_[a-f0-9]{64}+", r"hvs\.[\w-]{20,200}+", r"hvb\.[\w-]{100,300}+", r"LTAI[A-Za-z0-9]{16,24}+",
    r"dapi[a-f0-9]{32}+", r"pul-[a-f0-9]{40}+", r"dp\.(?:pt|st|ct|sa)\.[\w.-]{40,80}+", r"fo1_[\w-]{43}+",
    r"fm[12][ar]?_[A-Za-z0-9+/=]{90,400}+", r"pscale_(?:tkn|pw|oauth)_[\w.=-]{30,70}+", r"nfp_[A-Za-z0-9]{36,44}+",
    r"rnd_(?=[A-Za-z]{0,20}\d)[A-Za-z0-9]{26,36}+", r"hc[a-c][il][kc]_[a-z0-9]{50,64}+", r"SWMTKN-1-[a-z0-9]{40,60}-[a-z0-9]{20,30}+", r"AKCp[A-Za-z0-9]{60,75}+",
    r"cmVmd[A-Za-z0-9]{59}+", rf"(?:sdk|api)-{_UUID}", r"configcat-sdk-1/[\w-]{22}/[\w-]{22}+", r"dose[a-f0-9]{32}+",
    r"EZ[AT]K[A-Za-z0-9]{50,60}+", r"tskey-[\w-]{16,80}+",
    # code and packages
    r"gh[pousr]_[A-Za-z0-9]{36,255}+", r"github_pat_\w{22,255}+", r"gl(?:pat|oas|dt|rt|cbt|ptt|ft|soat|agent|imt)-[\w.-]{20,70}+",
    r"npm_[A-Za-z0-9]{36}+", r"pypi-AgEIcHlwaS5vcmc[\w-]{50,250}+", r"rubygems_[a-f0-9]{48}+", r"dckr_[po]at_[\w-]{27,40}+",
    r"ATATT3[\w=-]{100,250}+", r"ATCTT3[\w=-]{100,250}+", r"ATBB[A-Za-z0-9]{32}+", r"CLOJARS_[a-z0-9]{60}+",
    r"figd_[\w-]{40,60}+", r"lin_api_[A-Za-z0-9]{40}+", r"lin_oauth_[A-Za-z0-9]{40,70}+", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}+",
    r"oy2[a-z0-9]{43}+", r"sqp_[a-f0-9]{40}+", r"squ_[a-f0-9]{40}+", r"ntn_[A-Za-z0-9]{43,50}+", r"secret_[A-Za-z0-9]{43}+",
    r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}+", r"sntr[yu][su]_[\w=+/-]{40,400}+", r"glsa_[A-Za-z0-9]{32}_[a-f0-9]{8}+",
    r"glc_[A-Za-z0-9+/]{32,400}={0,2}+", r"NRAK-[A-Z0-9]{27}+", r"NRII-[\w-]{32}+", r"dt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{64}+",
    r"phc_[A-Za-z0-9]{40,50}+", r"phx_[A-Za-z0-9]{40,50}+", r"sbp_[a-f0-9]{40}+", r"sb_secret_[\w-]{20,60}+",
    r"rdme_[a-z0-9]{70}+", r"pnu_[A-Za-z0-9]{36}+", r"CFPAT-[\w-]{43}+", r"tfp_[\w.=-]{59}+", r"ddp?_[A-Za-z0-9]{36,40}+",
    # payments
    *(rf"{each}k_(?:live|test|prod)_[A-Za-z0-9]{{10,247}}+" for each in "srp"), r"whsec_[A-Za-z0-9+/=]{24,80}+", r"sq0(?:atp|csp|idp)-[\w-]{22,60}+",
    r"EAAA[\w-]{60}+", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}+", r"FLWSECK(?:_TEST)?-[a-h0-9]{32}-X", r"duffel_(?:live|test)_[\w=-]{43}+",
    r"shippo_(?:live|test)_[a-f0-9]{40}+", r"access_token\$production\$[a-z0-9]{16}\$[a-f0-9]{32}+", r"fio-u-[\w-]{64}+",
    # messages
    r"xox[abeoprs]-[A-Za-z0-9-]{10,250}+", r"xapp-\d-[A-Za-z0-9-]{20,200}+", r"xoxe\.xox[bp]-\d-[A-Za-z0-9]{100,200}+",
    rf"pat-[a-z]{{2}}\d-{_UUID}", r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,30}+", rf"access-(?:sandbox|development|production)-{_UUID}",
    r"sk\.eyJ[A-Za-z0-9]{30,200}\.[\w-]{20,30}+",
    r"SG\.[\w-]{22}\.[\w-]{43}+", r"SK[a-f0-9]{32}+", r"AC[a-f0-9]{32}+", r"key-[a-f0-9]{32}+",
    r"xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}+", *(rf"{each}[A-Za-z\d]{{23,27}}+\.[\w-]{{6}}\.[\w-]{{27,38}}+" for each in "MNO"),
    r"EAA[A-Za-z0-9]{80,300}+", r"sl\.[\w-]{130,152}+", r"AAAA[\w-]{7}:APA91b[\w-]{100,200}+",
    # models
    r"sk-ant-(?:api|admin|sid|oat|ort)\d\d-[\w-]{80,120}+", r"sk-(?:proj|svcacct|admin|or-v1)-[\w-]{20,200}+",
    r"sk-[A-Za-z0-9]{20,64}+", r"hf_[A-Za-z0-9]{30,40}+", r"api_org_[A-Za-z]{34}+", r"r8_[A-Za-z0-9]{37,40}+", r"gsk_[A-Za-z0-9]{48,56}+",
    r"pplx-[A-Za-z0-9]{48,56}+", r"xai-[A-Za-z0-9]{70,90}+", r"nvapi-[\w-]{60,70}+", r"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}+",
    r"AQ\.Ab8[\w-]{40,60}+", r"tgp_v1_[\w-]{40,50}+", r"fw_(?=[A-Za-z]{0,20}\d)[A-Za-z0-9]{22,28}+", r"csk-[a-z0-9]{44,52}+",
    r"jina_[a-f0-9]{32}[\w-]{24,40}+", r"wandb_v1_[\w-]{60,100}+", r"sk_[a-f0-9]{48}+", r"tvly-(?:dev-|prod-)?[A-Za-z0-9]{28,36}+",
    r"fc-[a-f0-9]{32}+", r"ABSK[A-Za-z0-9+/]{100,200}+={0,2}+", r"a[ks]-(?=[A-Za-z]{0,20}\d)[A-Za-z0-9]{22}+", r"rpa_[A-Z0-9]{36,44}\w{0,8}+", r"crsr_[a-f0-9]{64}+",
    r"llx-[A-Za-z0-9]{44,52}+", r"vc[a-z]_[A-Za-z0-9]{50,60}+", r"napi_[a-z0-9]{60,70}+",
    r"sk-lf-[a-f0-9-]{36}+", r"pcsk_[\w]{60,80}+", r"AGE-SECRET-KEY-1[A-Z0-9]{58}+", r"ops_eyJ[A-Za-z0-9+/=]{50,900}+",
)  # fmt: skip
"""Each begins with a letter of its own."""
UNLIKE = (
    r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,80}+",
    r"[a-f0-9]{32}-us\d{1,2}+",
    r"\d{8,10}+:AA[\w-]{33}+",
    r"[\w~.-]{3}[78]Q~[\w~.-]{31,34}+",
    r"[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{22,28}+",
    r"00D[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?!A[A-Za-z0-9._]{60,120}+",
    r"1//0[\w-]{40,120}+",
)
"""Those that begin with any."""
HINTS = (".atlasv1.", "-us", ":AA", "Q~", "JQQJ99", "!A", "1//0")
"""One of these is in each of them."""
