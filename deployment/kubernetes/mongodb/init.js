// Initiates the replica set and makes the users, as far as that has not been done. It sets the passwords and roles anew, so that
// a change of the Secret arrives here.

// The member's address, by which clients reach it too.
const host = process.env.MONGODB_HOST ?? 'mongodb-0.mongodb.data-namespace.svc.cluster.local:27017';
const {ROOT_PASSWORD, GSM_PASSWORD, EXPORTER_PASSWORD, BACKUP_PASSWORD} = process.env;
const users = [
  {user: 'gsm', pwd: GSM_PASSWORD, roles: [
    {role: 'readWrite', db: 'gsm'},
    {role: 'dbAdmin', db: 'gsm'}, // for the validators
    {role: 'clusterMonitor', db: 'admin'}, // for /health/detailed
  ]},
  {user: 'exporter', pwd: EXPORTER_PASSWORD, roles: [
    {role: 'clusterMonitor', db: 'admin'},
    {role: 'read', db: 'local'},
  ]},
  {user: 'backup', pwd: BACKUP_PASSWORD, roles: [{role: 'backup', db: 'admin'}]},
];

// The server starts without a replica set for a moment, to make the user root on an empty disk; and a member that has just been
// initiated is not primary yet. Both pass.
const deadline = Date.now() + 10 * 60 * 1000;
function patiently(what, attempt) {
  for (;;) {
    try {
      // Not returned at once: mongosh awaits what is assigned, and this is to be caught here.
      const result = attempt();
      return result;
    } catch (failure) {
      if (Date.now() > deadline) {
        throw failure;
      }
      print(`${what}: ${failure.codeName ?? failure.message}; again in 2 s`);
      sleep(2000);
    }
  }
}

const admin = patiently('connect', () =>
  connect(`mongodb://root:${ROOT_PASSWORD}@${host}/admin?directConnection=true&serverSelectionTimeoutMS=5000`));

patiently('initiate', () => {
  try {
    admin.adminCommand({replSetInitiate: {_id: 'rs0', members: [{_id: 0, host}]}});
    print('initiated');
  } catch (failure) {
    if (failure.codeName !== 'AlreadyInitialized') {
      throw failure;
    }
  }
});

patiently('wait for the primary', () => {
  if (!admin.adminCommand({hello: 1}).isWritablePrimary) {
    throw new Error('not yet');
  }
});

for (const {user, pwd, roles} of users) {
  const exists = admin.runCommand({usersInfo: user}).users.length > 0;
  admin.runCommand(exists ? {updateUser: user, pwd, roles} : {createUser: user, pwd, roles});
  print(`user ${user}`);
}
