/** English: the catalogue that every other language has the shape of. */
export const en = {
  app: {
    skip: 'Skip to the content',
    signOut: 'Sign out',
    notMedicalDevice:
      'Sealward is not a medical device. A result is a suggestion that a radiologist must judge.',
  },
  banner: {
    title: 'Simulated TEE.',
    text: 'A simulated TEE protects nothing. Do not enter data of real patients.',
  },
  ui: {
    close: 'Close',
    cancel: 'Cancel',
    copy: 'Copy {{what}}',
    copied: 'Copied',
    loading: 'Loading…',
    step: { waiting: 'still to come', running: 'in progress', done: 'done', failed: 'failed' },
  },
  nav: { label: 'Main', patients: 'Patients', worklist: 'Worklist' },
  role: { clerk: 'Clerk', radiologist: 'Radiologist', 'privacy-officer': 'Privacy officer' },

  start: {
    title: 'Nobody else sees the film.',
    lead: 'Before anything of a patient can be typed, this page verifies the computer at the other end. What you send is sealed in your browser, and only that computer can open it.',
    signIn: 'Sign in',
    signingIn: 'Signing in…',
    account: 'You sign in at your hospital, with your hospital account.',
    expired: 'Your session has ended. Sign in again to continue where you were.',
    expiredHere:
      'Your session has ended. Sign in again in the window that opens: this page keeps for 15 minutes, unseen, what you typed and chose.',
    reloaded:
      'A page that is reloaded or opened anew remembers nobody, so that nothing of a patient stays behind. Sign in to continue where you were; what was typed or chosen but not sent has to be entered again.',
    notSignedIn: 'You are not signed in',
    problem: {
      'identity-provider-unavailable':
        'Your hospital’s sign-in does not answer. Try again in a moment.',
      'sign-in-cancelled': 'The sign-in was cancelled.',
      'sign-in-answer-unexpected':
        'An answer arrived that does not belong to a sign-in begun in this tab. Start again.',
      'sign-in-refused': 'Your hospital’s sign-in refused. Ask your administrator if this goes on.',
    },
    verification: 'Verifying the platform',
    verificationDone: 'The platform is verified',
    step: {
      evidence: 'Ask the platform who it is, with a question nobody could foresee',
      attestation: 'Have the attestation service examine the answer',
      appraisal: 'Examine the same answer here, in your browser',
    },
    verified: 'Both agree: it is what your hospital approved.',
    promise: {
      verify: {
        title: 'Verified first',
        text: 'The platform proves which software it runs, on which hardware, before it receives anything.',
      },
      seal: {
        title: 'Sealed on the way',
        text: 'Names, numbers and films leave this browser only sealed. Operators see none of it.',
      },
      prove: {
        title: 'Proven afterwards',
        text: 'Every result comes with a receipt that an auditor can verify years later, offline.',
      },
    },
  },

  refusal: {
    title: 'The platform was refused',
    nothingLeft: 'From now on nothing of a patient is sent, and nothing can be entered.',
    whatToDo:
      'Tell your administrator the code below. Do not look for another way to send the film.',
    code: 'Code',
    tryAgain: 'Verify again',
    details: 'Technical details',
    passed: 'What had been found right before',
    fact: {
      code: 'Code',
      check: 'Check',
      at: 'Where',
      detail: 'Detail',
      attestationCode: 'Attestation service said',
      deployment: 'Deployment',
      when: 'Time',
    },
    reason: {
      'changed-software': {
        what: 'The platform runs other software than the one your hospital approved.',
        means:
          'Its measurement differs. The software was changed, by an update that nobody announced or by somebody who should not have.',
      },
      'unknown-software': {
        what: 'The platform runs software of somebody your hospital does not know.',
        means: 'Its signer or its product number is not one that was approved.',
      },
      'old-software': {
        what: 'The platform runs an old version of its software.',
        means:
          'Your hospital asks for a newer one, because the old one is no longer considered safe.',
      },
      'changed-configuration': {
        what: 'The platform’s trust settings were changed.',
        means:
          'They say whom the platform itself believes, and they are not the ones that were approved.',
      },
      'other-deployment': {
        what: 'This is another installation of the platform, not your hospital’s.',
        means:
          'The same software runs there, but for somebody else. Your requests may have been diverted.',
      },
      'other-service': {
        what: 'Another service answered in the platform’s place.',
        means: 'It may be genuine, but it is not the one that may receive films.',
      },
      'not-fresh': {
        what: 'The platform’s answer is not an answer to this page’s question.',
        means: 'Somebody may have replayed an old answer.',
      },
      'key-not-bound': {
        what: 'The key that would seal your data does not belong to the verified platform.',
        means: 'Somebody between you and the platform could read what was sealed with it.',
      },
      debug: {
        what: 'The platform runs in debug mode.',
        means: 'In debug mode its operators can read everything.',
      },
      simulated: {
        what: 'The platform runs on a simulated TEE.',
        means:
          'A simulated TEE is for development. It protects nothing, and your hospital does not accept it.',
      },
      'hardware-outdated': {
        what: 'The platform’s hardware lacks security updates.',
        means: 'Its maker does not consider this state safe enough for what your hospital asks.',
      },
      'hardware-revoked': {
        what: 'The maker of the platform’s hardware has withdrawn its trust.',
        means: 'A key of this hardware or of its certificates is listed as revoked.',
      },
      'vouching-expired': {
        what: 'What vouches for the platform’s hardware is out of date.',
        means:
          'Its maker’s statements are valid for a limited time only. Check that the clock of this computer is right; otherwise the platform’s operator has to renew them.',
      },
      'hardware-unproven': {
        what: 'There is no proof that the platform runs on genuine protected hardware.',
        means: 'A signature between the hardware and its maker does not fit.',
      },
      'changed-model': {
        what: 'The diagnostic model is not the one that was approved.',
        means: 'Its fingerprint differs.',
      },
      'attestation-declined': {
        what: 'The attestation service did not confirm the platform.',
        means:
          'It examined the platform’s evidence and gave no token for it. Its reason is in the technical details.',
      },
      'token-invalid': {
        what: 'What the attestation service said cannot be relied on.',
        means: 'Its token is expired, is signed by somebody unknown, or comes from another issuer.',
      },
      denied: {
        what: 'The attestation service has withdrawn its trust.',
        means:
          'This software, its signer, its machine or its policy is on the service’s deny list since.',
      },
      disagreement: {
        what: 'Your browser and the attestation service do not agree about the platform.',
        means: 'Both must find the same. One of them may have been deceived.',
      },
      unreadable: {
        what: 'The platform’s evidence cannot be read.',
        means: 'It is incomplete or not in the form that was agreed on.',
      },
    },
  },

  unavailable: {
    platform: {
      title: 'The platform does not answer',
      text: 'It may be restarting. Nothing is known to be wrong with it; it has just not answered.',
    },
    'attestation-service': {
      title: 'The attestation service does not answer',
      text: 'Without its opinion the platform is not believed. Try again in a moment.',
    },
    portal: {
      title: 'The portal is not ready',
      text: 'Its configuration cannot be read. It may still be starting.',
    },
    nothingLeft: 'Nothing of a patient is sent meanwhile.',
    tryAgain: 'Try again',
  },

  trust: {
    title: 'Why this connection is trusted',
    lead: 'Trust here does not rest on promises. Each computer that touches a film proves what it is, and every proof was verified.',
    verified: 'Verified',
    simulatedToo: ', simulated',
    verifying: 'Verifying…',
    passed: 'Passed:',
    yes: 'Yes',
    no: 'No',
    none: 'None',
    stillVerifying: 'The platform is being verified at this moment.',
    simulatedTitle: 'The hardware is simulated',
    simulatedText:
      'Every check below was really made, but the evidence ends in a sample root, not in a maker of processors. It shows how trust works; it gives none.',
    verifiedTwice: 'Verified twice',
    verifiedByPlatform: 'Verified by the platform',
    refused: 'Not trusted now',
    refusedText: 'The platform could not verify it, or could not reach it, and sends it nothing.',
    platformText:
      'It receives patients and films, and keeps them sealed. It runs inside a protected part of the processor that its operators cannot look into.',
    byBrowser: 'By this browser',
    byBrowserText:
      'It examined the evidence itself, from the processor’s signature up, on {{when}}.',
    byService: 'By the attestation service',
    byServiceText:
      'It examined the same evidence and signed its opinion, which holds until {{until}}.',
    checks: 'All {{n}} checks passed, and both agree',
    particulars: 'Particulars',
    signInForPeers: 'Sign in to see what the platform verified of whom it works with.',
    peerWhy:
      'The platform verified it on {{when}}, by the same procedure. You rely on this because the software that does so is the software that this browser verified.',
    storeInProcess: 'No Redis server was found, so the cache keeps its values in its own memory.',
    role: {
      platform: 'Medical platform',
      'cache-gateway': 'Cache',
      diagnostics: 'Diagnostic provider',
      'key-broker': 'Key broker',
    },
    peerText: {
      'cache-gateway':
        'It remembers for a few minutes what would take long to fetch again. It gets only values that the platform has sealed.',
      diagnostics:
        'It interprets the film. It gets the picture alone: no name, no number, no date. The model’s fingerprint was verified as well.',
      'key-broker':
        'It keeps the keys that records are sealed with and the model is encrypted with, and gives them to nobody but computers that have proved what they are. It gets nothing about patients.',
    },
    fact: {
      mrEnclave: 'Measurement (MRENCLAVE)',
      mrSigner: 'Signer (MRSIGNER)',
      product: 'Product / security version',
      configId: 'Trust settings (CONFIGID)',
      tcbStatus: 'Hardware status (TCB)',
      tcbDate: 'Hardware status as of',
      advisories: 'Advisories',
      fmspc: 'Processor family (FMSPC)',
      root: 'Root of the evidence (SHA-256)',
      evidenceExpires: 'Evidence holds until',
      deployment: 'Deployment',
      keyId: 'Identity key',
      issuer: 'Attestation service',
      signer: 'Key that signed the token',
      policyHash: 'Policy (hash)',
      tokenExpires: 'Token holds until',
      model: 'Model',
      modelSha256: 'Model (SHA-256)',
      audience: 'Token is for',
      simulated: 'Simulated TEE',
    },
    check: {
      document: {
        title: 'The evidence is complete',
        why: 'Everything that is needed to judge came along, in the agreed form.',
      },
      'certificate-chain': {
        title: 'The processor’s certificate is genuine',
        why: 'It leads, signature by signature, to the root that your hospital accepts.',
      },
      revocation: {
        title: 'No certificate was withdrawn',
        why: 'The lists of revoked certificates are current, and none of these is on them.',
      },
      'tcb-info': {
        title: 'The maker’s statement about the processor is current',
        why: 'It is signed by the maker and has not run out.',
      },
      'qe-identity': {
        title: 'The part that signs evidence is genuine',
        why: 'The quoting enclave is the one that the maker published.',
      },
      'quote-signature': {
        title: 'The evidence was signed by the processor',
        why: 'Not a byte of it was changed since.',
      },
      tcb: {
        title: 'The hardware’s security updates are as required',
        why: 'Its state is one that your hospital accepts.',
      },
      nonce: {
        title: 'The answer is fresh',
        why: 'It contains the random number that this page has just drawn, so it is no recording.',
      },
      'key-binding': {
        title: 'The sealing key lives in the verified platform',
        why: 'The processor’s signature covers the key. Nobody in between can put another in its place.',
      },
      deployment: {
        title: 'It is your hospital’s installation',
        why: 'The same software elsewhere would be refused.',
      },
      role: {
        title: 'It is the medical platform',
        why: 'And no other service of the same installation.',
      },
      configuration: {
        title: 'Its trust settings are the approved ones',
        why: 'They are measured with the software, so an operator cannot change them unseen.',
      },
      measurement: {
        title: 'It runs the approved software',
        why: 'The fingerprint of every file of the service is the one that was published.',
      },
      signer: {
        title: 'The software comes from the approved maker',
        why: 'It is signed with the maker’s key.',
      },
      product: {
        title: 'It is the right product, and new enough',
        why: 'Product number and security version are as required.',
      },
      debug: {
        title: 'Nobody can look inside',
        why: 'Debug mode, in which operators could read everything, is off.',
      },
      simulated: {
        title: 'Whether the hardware is real is known',
        why: 'Real hardware ends in its maker’s root. A simulated one does not, and is accepted for development only.',
      },
      model: {
        title: 'The model is the approved one',
        why: 'Its fingerprint is the one that was published.',
      },
      'token-signature': {
        title: 'The attestation service signed its opinion',
        why: 'With a key that your hospital knows.',
      },
      'token-issuer': {
        title: 'It is the agreed attestation service',
        why: 'An opinion of any other would not count.',
      },
      'token-time': {
        title: 'The opinion is current',
        why: 'It is neither too old nor from the future.',
      },
      'token-policy': {
        title: 'The opinion follows a known policy',
        why: 'The policy that was applied is one that this portal accepts, by its hash.',
      },
      'not-denied': {
        title: 'Nothing of it was withdrawn since',
        why: 'The service’s list of what it no longer trusts is minutes old at most, and names none of it.',
      },
      'token-agrees': {
        title: 'Browser and service found the same',
        why: 'Measurement, signer, versions, hardware status and root are equal, item by item.',
      },
    },
  },

  patients: {
    title: 'Patients',
    register: 'Register a patient',
    lookUp: 'Look up',
    lookUpBy: 'Look up by',
    byNumber: 'Patient number',
    byName: 'Name and birth date',
    search: 'Look up',
    found: 'Patients found',
    noneFound: 'No patient found',
    noneFoundText:
      'Records are sealed, so only exact matches are found. Check the spelling, or register the patient.',
    recent: 'Opened in this session',
    recentNone: 'Patients that you open appear here until you sign out.',
  },
  patient: {
    title: 'Patient',
    particulars: 'Particulars',
    number: 'Patient number',
    family: 'Family name',
    given: 'Given name',
    gender: 'Sex',
    birthDate: 'Birth date',
    ageLabel: 'Age',
    age: { years: '{{n}} years', months: '{{n}} months' },
    sex: { female: 'Female', male: 'Male', other: 'Other', unknown: 'Unknown' },
    reports: 'Reports',
    noReports: 'There is no report yet.',
    preliminary: 'Read by the model, not yet by a radiologist',
    problem: {
      missing: 'Fill in this field.',
      'too-long': 'This is too long.',
      characters: 'There is a character here that does not belong into this field.',
      'no-choice': 'Choose one.',
      'not-a-date': 'This is not a date.',
      'in-the-future': 'This date is in the future.',
      'too-long-ago': 'This date is too long ago.',
    },
  },
  register: {
    title: 'Register a patient',
    numberHint: 'As your hospital writes it, for example on the wristband.',
    choose: 'Choose…',
    sealed: 'What you enter is sealed in this browser, and opened by the verified platform only.',
    submit: 'Register',
    known: 'This number belongs to a patient who is registered already',
  },

  film: {
    title: 'New film',
    drop: 'Drop a chest film here',
    choose: 'Choose a file',
    kinds: 'DICOM, PNG or JPEG, up to {{size}}',
    sealed: 'The film is sealed in this browser. Its file name is not sent.',
    progress: 'Progress of the film',
    sent: '{{sent}} of {{total}} sent',
    again:
      'The connection broke off. The film is still here, and is being sent again, sealed anew, as soon as the platform answers.',
    broken: 'The film has not arrived',
    brokenText:
      'It is still here, so you need not choose it again. However often it is sent, the platform keeps it once.',
    sendAgain: 'Send it again',
    recognised: 'The film has arrived and was recognised.',
    preview: 'The uploaded film',
    notUploaded: 'The film was not accepted',
    notInterpreted: 'The film was not interpreted',
    another: 'Choose another film',
    order: 'Have it interpreted',
    waiting: 'Progress of the order',
    mayLeave: 'This takes a few seconds. You may leave; the report will appear below.',
    leave: 'Continue without waiting',
    step: {
      sealed: 'Sealed in this browser',
      uploaded: 'Uploaded to the verified platform',
      queued: 'Queued',
      interpreted: 'Interpreted by the diagnostic provider',
      written: 'Written to the record, with its receipt',
    },
    fact: {
      modality: 'Modality',
      size: 'Size in pixels',
      transferSyntax: 'Encoding',
      sha256: 'SHA-256',
    },
    removed: 'What the diagnostic provider never gets',
    removedText:
      'It gets the picture alone, at 64 × 64 pixels. Name, number, dates and everything else in the file stay on the platform, sealed.',
    removedList: '{{n}} identifying elements of this file that stay behind',
    warnings: 'Please note',
    differs: 'Is this the right patient?',
    differsText: 'The file says otherwise than the record of the patient you opened:',
    confirm: 'I have compared them: this film belongs to this patient.',
    confirmFirst: 'Compare the film with the patient first, then tick this.',
    difference: {
      'patient-id-differs': 'another patient number',
      'name-differs': 'another name',
      'birth-date-differs': 'another birth date',
      'sex-differs': 'another sex',
    },
    warning: {
      'burned-in-annotation': 'The picture itself may contain writing, such as a name.',
      'colour-picture': 'The picture is in colour; it was turned to grey.',
      'first-frame-of-many': 'The file holds several pictures; the first is used.',
      'length-of-pixels': 'The picture’s data is not of the length that the file announces.',
      lossy: 'The picture was compressed with loss.',
      'presentation-shape': 'The file asks for a display curve that was not applied.',
      'damaged-after-pixels': 'The file is damaged after the picture.',
      'transparency-ignored': 'Transparency in the picture was ignored.',
      'orientation-ignored': 'The orientation noted in the file was not applied.',
      'window-from-pixels': 'The file has no window; brightness was taken from the picture.',
      'window-unusable':
        'The window in the file is unusable; brightness was taken from the picture.',
    },
  },

  report: {
    title: 'Report',
    about: 'Whose report it is',
    status: { preliminary: 'Preliminary', final: 'Final' },
    probabilityOf: 'Probability of pneumonia',
    above: 'Above the operating point of {{threshold}}',
    below: 'Below the operating point of {{threshold}}',
    threshold: 'operating point',
    operatingPoint:
      'At this point the model found {{sensitivity}} of the pneumonias (sensitivity) and cleared {{specificity}} of the healthy (specificity) on its published test set.',
    arithmetic: 'How the number comes about',
    arithmeticText:
      'The model gives each of the 64 cells of the evidence map a value. Their mean is the logit, and the logit makes the probability. This page has just computed it again.',
    mean: 'Mean of the 64 cells',
    logit: 'Logit from the diagnostic provider',
    recomputed: 'Probability from the mean',
    agrees: 'Map, logit and probability agree.',
    disagreesTitle: 'The numbers do not fit together',
    disagrees:
      'The evidence map, the logit and the probability contradict one another. Do not rely on this result.',
    modelReads: {
      positive: 'The model reads signs of pneumonia.',
      negative: 'The model reads no signs of pneumonia.',
    },
    provenance: 'Where it comes from',
    fingerprints: 'Fingerprints',
    fact: {
      model: 'Model',
      modelSha256: 'Model (SHA-256)',
      film: 'Film',
      filmSha256: 'Film (SHA-256)',
    },
    modelCard: 'Model card',
    receipt: 'Download receipt',
    receiptText:
      'The receipt proves which software, hardware and model computed this result. It names no patient.',
    disclaimer:
      'Not a medical device, and no substitute for a radiologist’s reading. What the model was made for, and where it fails, is in its model card.',
  },
  card: {
    limits: 'Limits',
    points: 'How films fell on the test part',
    saidYes: 'Model: yes',
    saidNo: 'Model: no',
    wasYes: 'Pneumonia',
    wasNo: 'No pneumonia',
    rates: 'Sensitivity {{sensitivity}}, specificity {{specificity}}',
    published: 'Published by others on the same task',
    who: 'Model',
    accuracy: 'Accuracy',
  },
  viewer: {
    title: 'Film and evidence map',
    film: 'The film',
    map: 'Evidence map over the film; the table below gives its numbers',
    show: 'Evidence map',
    opacity: 'Strength',
    for: 'for',
    against: 'against',
    explanation:
      'Red cells speak for pneumonia, blue ones against. The map has 8 × 8 cells; colours in between are interpolated. It shows what the model used, which may also lie outside the lungs.',
    asTable: 'Evidence map as a table',
    tableCaption: 'Contribution of each cell to the logit, rows from top to bottom',
  },
  sign: {
    title: 'Signature',
    waiting: 'Waits for a radiologist’s signature.',
    conclusion: 'Conclusion (optional)',
    conclusionHint: 'Becomes part of the report.',
    emptyHint: {
      positive: 'If this stays empty, the report says: The model reads signs of pneumonia.',
      negative: 'If this stays empty, the report says: The model reads no signs of pneumonia.',
    },
    withoutConclusion: 'Signed without a conclusion of one’s own. The report keeps what it said:',
    submit: 'Sign the report',
    finalText: 'Signing makes the report final. It cannot be taken back here.',
    signed: 'Signed',
    signedBy: '{{who}}, {{when}}',
  },
  erase: {
    title: 'Erase this patient',
    meaning: {
      gone: 'Record, films, reports and receipts are destroyed together with the key that they are sealed with. Nobody can read them any more: not the hospital, not whoever runs the platform.',
      final: 'It cannot be undone.',
      kept: 'What stays on record is that somebody was erased, when, by whom and why, without a name.',
      backups:
        'Backups from before still hold the sealed record, until the platform’s operator takes the master key of that time out of use. Tell the operator that a patient was erased.',
      elsewhere: 'What was downloaded, printed or told to others before is not reached.',
    },
    open: 'Erase this patient…',
    reason: 'Reason',
    reasonHint:
      'It stays on record, so it should name nobody. For example: asked for by the patient.',
    proof: { number: 'Patient number', name: 'Name of the patient' },
    proofHint: 'Type it as it stands above, so that it is this patient and no other.',
    problem: {
      missing: 'Fill in this field.',
      'too-long': 'This is too long.',
      differs: 'This is not what stands above. Make sure that this is the right patient.',
    },
    next: 'Continue',
    confirm: 'Erase this patient for good?',
    back: 'Back',
    submit: 'Erase for good',
    again: 'Send again',
    progress:
      'Erasing. It is confirmed when nobody can bring the record back unnoticed, which takes a few seconds…',
    notErased: 'The patient was not erased',
    notConfirmed: 'It is not certain that the patient is erased',
    againIsSafe:
      'Send it again. That is safe: whoever is erased already stays erased, and the answer is the same.',
    sessionEnded:
      'Your session had ended. You are signed in again, and what you typed is still here: send it again.',
    done: 'The patient is erased',
    doneText:
      'Record, films, reports and receipts cannot be read by anybody any more. That it was done, when, by whom and why is on record.',
    doneBackups:
      'Tell the platform’s operator now: older backups can be read until the operator retires the master key of that time.',
    leave: 'To the patients',
  },
  gone: {
    patient: 'This patient is not here',
    report: 'This report is not here',
    text: 'There is no record at this address, or not any more. It may have been erased; then nobody can read it again, its films and reports included.',
    lookUp: 'Look up a patient',
    row: 'Not here any more',
  },
  worklist: {
    title: 'Worklist',
    leadRadiologist: 'Preliminary reports that wait for your signature.',
    leadClerk: 'Preliminary reports that wait for a radiologist’s signature.',
    refresh: 'Refresh',
    none: 'Nothing waits. All reports are signed.',
  },

  problem: {
    code: 'Code',
    other: 'That did not work. Try again, and tell your administrator the code if it goes on.',
    unavailable: 'The platform did not answer. Try again in a moment.',
    overloaded: 'The platform is busy. Try again in a moment.',
    'not-verified': 'The platform is not verified at the moment, so nothing was sent.',
    'stale-key': 'The platform has changed its key. Try again.',
    truncated: 'The connection broke off before everything had been sent. Try again.',
    'replay-memory-unavailable':
      'The platform cannot make sure at the moment that a request is new. Try again shortly.',
    'idempotency-key-reused': 'The film was changed while it was being sent. Choose it again.',
    'idempotency-key-malformed': 'Something is broken on our side. Tell your administrator.',
    replayed: 'The platform has received this request before. Try again.',
    'too-large': 'That is more than the platform takes.',
    'answer-malformed': 'The platform’s answer cannot be read.',
    'broken-program': 'Something is broken on our side. Tell your administrator.',
    'signed-out': 'Your session has ended. Sign in again.',
    'token-expired': 'Your session has ended. Sign in again.',
    'token-refused': 'Your sign-in is not accepted. Sign in again.',
    'role-missing': 'Your account has no role here. Ask your administrator.',
    'role-insufficient': 'Your account may not do this.',
    'identity-provider-unavailable':
      'Your hospital’s sign-in does not answer. Try again in a moment.',
    'not-found': 'There is nothing here. It may have been removed.',
    'resource-invalid': 'The platform does not accept what was entered.',
    'identifier-in-use': 'Another patient has this number.',
    'version-conflict': 'Somebody else has changed this meanwhile. Load it again.',
    'reason-missing': 'Say why, in a few words.',
    'already-final': 'The report has been signed already.',
    'conclusion-invalid': 'The conclusion cannot be taken as it is.',
    'record-refused':
      'The stored record is not what was written. It may have been tampered with. Tell your administrator.',
    'store-unavailable': 'The platform’s database does not answer. Try again in a moment.',
    'key-unavailable': 'A key that is needed cannot be had at the moment. Try again in a moment.',
    'anchor-behind':
      'The platform cannot put on record outside its database what it did, and writes nothing more until it can. Try again in a moment.',
    'anchor-unavailable':
      'The platform cannot put on record outside its database what it did. Try again in a moment.',
    'provider-unavailable': 'The diagnostic provider does not answer. Try again in a moment.',
    'order-failed': 'The order failed.',
    'order-takes-long':
      'It takes longer than usual. The order goes on, and the report will appear below.',
    'order-incomplete': 'The order lacks something.',
    'not-a-chest-radiograph':
      'This does not look like a frontal chest film, so it was not interpreted.',
    'too-small': 'The picture is too small to be interpreted.',
    'more-than-one-frame': 'The file holds several pictures. Choose one with a single film.',
    busy: 'Many films are being read at this moment. Try again shortly.',
    'evidence-unavailable': 'The platform cannot prove itself at the moment. Try again shortly.',
    'unsupported-media-type': 'The platform does not take files of this kind.',
    'reference-unknown': 'The patient or the film is not there any more.',
    'film-empty': 'The file is empty.',
    empty: 'The file is empty.',
    'content-type-differs': 'The file is of another kind than it claims.',
    'too-many-frames': 'The file holds too many pictures.',
    'out-of-memory': 'The film is too large to be read.',
    'film-too-large': 'The file is too large.',
    'film-not-recognised': 'This is neither a DICOM file nor a PNG or JPEG picture.',
    'film-unreadable': 'The file cannot be read. Was it moved or opened elsewhere?',
    'unknown-format': 'This is neither a DICOM file nor a PNG or JPEG picture.',
    'unsupported-transfer-syntax': 'The film is encoded in a way that is not supported.',
    'unsupported-pixels': 'The picture is of a kind that is not supported.',
    'no-pixels': 'The file holds no picture.',
    'malformed-data-set': 'The DICOM file is damaged.',
    'truncated-data-set': 'The DICOM file is cut short.',
    'malformed-pixels': 'The picture in the file is damaged.',
    'truncated-pixels': 'The picture in the file is cut short.',
    'pixels-contradict-header': 'The picture does not fit what the file says of it.',
    'image-too-large': 'The picture has too many pixels.',
    'timed-out': 'Reading the film took too long.',
  },
}

/** The same keys, each with a text. */
export type Catalogue = typeof en
